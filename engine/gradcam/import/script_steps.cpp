#include "gradcam/import/script_steps.h"

#include <algorithm>
#include <optional>

#include "gradcam/import/foreign.h"
#include "gradcam/tensor/text.h"

namespace gradcam::internal {
namespace {

using StepKind = ScriptStep::Kind;
using ValueKind = ScriptValue::Kind;

constexpr std::string_view kFunctional = "__torch__.torch.nn.functional.";

}  // namespace

ScriptSteps::Call ScriptSteps::call_of(std::string_view name, const ScriptArguments& arguments) {
  const bool is_functional = name.starts_with(kFunctional);
  const bool is_addmm = name == "torch.addmm";
  std::string_view does = name;
  does.remove_prefix(is_functional ? kFunctional.size()
                                   : std::min(name.find('.') + 1, name.size()));
  if (does.ends_with('_')) does.remove_suffix(1);  // in its place
  return {.name = name,
          .does = is_addmm ? "linear" : does,
          .is_functional = is_functional,
          .is_addmm = is_addmm,
          .arguments = arguments};
}

Result<ScriptValue> ScriptSteps::call(std::string_view name, const ScriptArguments& arguments) {
  using Function = Result<ScriptValue> (ScriptSteps::*)(const Call& call);
  static constexpr std::pair<std::string_view, Function> kFunctions[] = {
      {"_convolution", &ScriptSteps::convolve},
      {"_convolution_mode", &ScriptSteps::convolve},
      {"conv2d", &ScriptSteps::convolve},
      {"linear", &ScriptSteps::run_dense},
      {"batch_norm", &ScriptSteps::normalize},
      {"relu", &ScriptSteps::rectify},
      {"max_pool2d", &ScriptSteps::pool},
      {"_max_pool2d", &ScriptSteps::pool},
      {"adaptive_avg_pool2d", &ScriptSteps::pool_adaptively},
      {"mean", &ScriptSteps::average},
      {"softmax", &ScriptSteps::soften},
      {"log_softmax", &ScriptSteps::soften},
      {"sigmoid", &ScriptSteps::squash},
      {"flatten", &ScriptSteps::flatten},
      {"view", &ScriptSteps::reshape},
      {"reshape", &ScriptSteps::reshape},
  };
  const Call call = call_of(name, arguments);
  GRADCAM_CHECK_OK(check_input(call));
  for (const auto& [does, function] : kFunctions) {
    if (call.does == does) return (this->*function)(call);
  }
  if (call.does.contains("dropout")) return drop_out(call);
  if (!call.is_functional && is_one_of(call.does, {"contiguous", "detach", "clone", "squeeze"})) {
    return call.input();
  }
  return place_.unlike("calls " + quote(name) + ", which a VGG16's does not");
}

/// Whether it is called with the photo as it is now, and without what only few ask for.
Result<void> ScriptSteps::check_input(const Call& call) const {
  const auto unlike = [&](const std::string& how) {
    return place_.unlike("calls " + quote(call.name) + " with " + how);
  };
  if (call.input().kind != ValueKind::kPhoto ||
      (!call.is_functional && !call.name.starts_with("torch."))) {
    return unlike("tensors, which a VGG16's does not");
  }
  if (call.input().index != steps_.size()) {
    return unlike("what it has already gone on from: it is no chain of layers");
  }
  for (const auto& [setting, value] : call.arguments.named) {
    if (value.kind == ValueKind::kNone || (call.is_addmm && value.is_number(1))) continue;
    return unlike(quote(setting) + " = " + to_text(value));
  }
  return {};
}

/// (input, weight, bias, stride, padding, dilation, groups), or before these of _convolution
/// (transposed, output_padding).
Result<ScriptValue> ScriptSteps::convolve(const Call& call) {
  const bool is_general = call.does == "_convolution";
  const ScriptValue& padding = call.arguments[4];
  const bool is_same = padding.kind == ValueKind::kText && padding.name == "same";
  const bool pads_nothing = !call.arguments.has(4) || padding.is_all(0);
  ScriptStep step = call.step(StepKind::kConvolution);
  GRADCAM_TRY(step.tensors, tensors_of(call, {1, 2}));
  GRADCAM_CHECK_OK(check_if_given(call, "stride", 3, 1));
  GRADCAM_CHECK_OK(check_if_given(call, "dilation", 5, 1));
  step.pads = is_same || padding.is_all(1);
  if (!step.pads && !pads_nothing) GRADCAM_CHECK_OK(check(call, "padding", 4, 1));
  if (is_general) GRADCAM_CHECK_OK(check_if_given(call, "transposed", 6, 0));
  GRADCAM_CHECK_OK(check_if_given(call, "groups", is_general ? 8 : 6, 1));
  return add(std::move(step));
}

/// (input, weight, bias), or of addmm (bias, input, transposed weight).
Result<ScriptValue> ScriptSteps::run_dense(const Call& call) {
  ScriptStep step = call.step(StepKind::kDense);
  const std::size_t weight = call.is_addmm ? 2 : 1;
  if (call.arguments[weight].kind != (call.is_addmm ? ValueKind::kTurned : ValueKind::kWeight)) {
    return place_.unlike("calls " + quote(call.name) + " with weights that it computes");
  }
  GRADCAM_TRY(step.tensors, tensors_of(call, {weight, call.is_addmm ? std::size_t{0} : 2}));
  return add(std::move(step));
}

/// (input, weight, bias, mean, variance, training, momentum, eps, ...), or of the function of
/// torch.nn.functional (input, mean, variance, weight, bias, ...).
Result<ScriptValue> ScriptSteps::normalize(const Call& call) {
  const std::size_t weight = call.is_functional ? 3 : 1;
  const std::size_t mean = call.is_functional ? 1 : 3;
  if (!call.arguments[5].is_number(0)) return place_.trains(call.name);
  ScriptStep step = call.step(StepKind::kNorm);
  GRADCAM_TRY(step.tensors, tensors_of(call, {weight, weight + 1, mean, mean + 1}));
  const ScriptValue& epsilon = call.arguments[7];
  if (epsilon.kind != ValueKind::kNumber) {
    return place_.not_understood("has an eps that it computes");
  }
  step.epsilon = epsilon.number;
  return add(std::move(step));
}

/// Of what has nothing below zero it changes nothing.
Result<ScriptValue> ScriptSteps::rectify(const Call& call) {
  return is_rectified_ ? call.input() : add(call.step(StepKind::kRelu));
}

/// (input, kernel_size, stride, padding, dilation, ...). A stride that is not told is the kernel's
/// side.
Result<ScriptValue> ScriptSteps::pool(const Call& call) {
  const ScriptValue& stride = call.arguments[2];
  const bool is_told = stride.kind != ValueKind::kNone &&
                       !(stride.kind == ValueKind::kNumbers && stride.numbers.empty());
  GRADCAM_CHECK_OK(check(call, "kernel_size", 1, 2));
  if (is_told) GRADCAM_CHECK_OK(check_if_given(call, "stride", 2, 2));
  GRADCAM_CHECK_OK(check_if_given(call, "padding", 3, 0));
  GRADCAM_CHECK_OK(check_if_given(call, "dilation", 4, 1));
  return add(call.step(StepKind::kMaxPool));
}

/// (input, output_size)
Result<ScriptValue> ScriptSteps::pool_adaptively(const Call& call) {
  if (call.arguments[1].is_all(1)) return add(call.step(StepKind::kMean));
  GRADCAM_CHECK_OK(check(call, "output_size", 1, 7));
  return add(call.step(StepKind::kSevenPositions));
}

/// (input, sides, ...)
Result<ScriptValue> ScriptSteps::average(const Call& call) {
  const std::vector<std::optional<double>>& sides = call.arguments[1].numbers;
  const auto has = [&](double side) {
    return std::ranges::any_of(sides, [&](const auto& each) {
      return each == std::optional(side) || each == std::optional(side - 4);
    });
  };
  if (sides.size() == 2 && has(2) && has(3)) return add(call.step(StepKind::kMean));
  return place_.unlike("calls " + quote(call.name) + " over " + to_text(call.arguments[1]) +
                       ", where a mean over [2, 3] is expected");
}

/// (input, dim, ...)
Result<ScriptValue> ScriptSteps::soften(const Call& call) {
  if (!call.arguments[1].is_number(-1)) GRADCAM_CHECK_OK(check(call, "dim", 1, 1));
  return add(call.step(StepKind::kSoftmax));
}

Result<ScriptValue> ScriptSteps::squash(const Call& call) {
  return add(call.step(StepKind::kSigmoid));
}

/// (input, start_dim, end_dim)
Result<ScriptValue> ScriptSteps::flatten(const Call& call) {
  GRADCAM_CHECK_OK(check(call, "start_dim", 1, 1));
  if (!call.arguments[2].is_number(-1)) GRADCAM_CHECK_OK(check_if_given(call, "end_dim", 2, 3));
  return call.input();
}

/// (input, shape), which is that of photos, and of the numbers of each.
Result<ScriptValue> ScriptSteps::reshape(const Call& call) {
  if (call.arguments[1].numbers.size() == 2) return call.input();
  return place_.unlike("calls " + quote(call.name) + " with " + to_text(call.arguments[1]) +
                       ", where a VGG16's flattens the map of a photo");
}

/// (input, probability, training)
Result<ScriptValue> ScriptSteps::drop_out(const Call& call) {
  if (!call.arguments[2].is_number(0)) return place_.trains(call.name);
  return call.input();
}

Result<void> ScriptSteps::check(const Call& call, const char* setting, std::size_t place,
                                double expected) const {
  const ScriptValue& value = call.arguments[place];
  if (value.is_all(expected)) return {};
  return place_.unlike("calls " + quote(call.name) + " with " + setting + " " + to_text(value) +
                       ", where " + to_text(ScriptValue::of(expected)) + " is expected");
}

/// The same of an argument which is as expected where it is lacking.
Result<void> ScriptSteps::check_if_given(const Call& call, const char* setting, std::size_t place,
                                         double expected) const {
  return call.arguments.has(place) ? check(call, setting, place, expected) : Result<void>();
}

/// The names of tensors, "" for Python's None; an error for those that are computed.
Result<std::array<std::string, 4>> ScriptSteps::tensors_of(
    const Call& call, std::initializer_list<std::size_t> places) const {
  std::array<std::string, 4> tensors;
  auto next = tensors.begin();
  for (const std::size_t place : places) {
    const ScriptValue& value = call.arguments[place];
    if (value.kind != ValueKind::kWeight && value.kind != ValueKind::kTurned &&
        value.kind != ValueKind::kNone) {
      return place_.unlike("calls " + quote(call.name) + " with weights that it computes");
    }
    *next++ = value.name;
  }
  return tensors;
}

Result<ScriptValue> ScriptSteps::add(ScriptStep step) {
  constexpr std::size_t kMostSteps = 200;
  if (steps_.size() == kMostSteps) return ScriptPlace::too_much();
  const bool keeps_signs = step.kind == StepKind::kMaxPool || step.kind == StepKind::kMean ||
                           step.kind == StepKind::kSevenPositions;
  is_rectified_ = step.kind == StepKind::kRelu || (is_rectified_ && keeps_signs);
  steps_.push_back(std::move(step));
  return ScriptValue::photo(steps_.size());
}

}  // namespace gradcam::internal
