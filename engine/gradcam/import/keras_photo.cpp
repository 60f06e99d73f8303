#include "gradcam/import/keras_photo.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>

#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

using internal::quote;
using internal::UntrustedJson;

enum class Operation { kKeep, kAdd, kSubtract, kMultiply, kDivide, kSlice, kStack };

/// What Keras 3 has classes for, and Keras 2 layers that name a function of TensorFlow.
std::optional<Operation> find_operation(const std::string& kind, const UntrustedJson& config) {
  using enum Operation;
  static constexpr std::array<std::pair<std::string_view, Operation>, 17> kOperations{{
      {"cast", kKeep},
      {"Add", kAdd},
      {"math.add", kAdd},
      {"__operators__.add", kAdd},
      {"nn.bias_add", kAdd},
      {"Subtract", kSubtract},
      {"math.subtract", kSubtract},
      {"Multiply", kMultiply},
      {"math.multiply", kMultiply},
      {"Divide", kDivide},
      {"TrueDivide", kDivide},
      {"math.divide", kDivide},
      {"math.truediv", kDivide},
      {"GetItem", kSlice},
      {"__operators__.getitem", kSlice},
      {"Stack", kStack},
      {"stack", kStack},
  }};
  const std::string name =
      is_one_of(kind, {"TFOpLambda", "SlicingOpLambda"}) ? text_of(config, "function") : kind;
  const auto* const found =
      std::ranges::find(kOperations, name, &std::pair<std::string_view, Operation>::first);
  return found != kOperations.end() ? std::optional(found->second) : std::nullopt;
}

std::unexpected<Error> unread(const std::string& layer, const std::string& what) {
  return fail(ErrorCode::kUnsupportedFormat,
              "its layer " + quote(layer) + " " + what +
                  "; before the convolutions, arithmetic with a number for each channel is read, "
                  "as in preprocess_input or Rescaling, and augmentation");
}

/// A number, or as many as there are channels, in arrays of one element or none.
std::optional<std::vector<double>> numbers_of(const UntrustedJson& json, std::size_t channels) {
  const UntrustedJson& value = member(member(json, "config"), "value");
  const UntrustedJson* found = value.is_null() ? &json : &value;
  while (found->is_array() && found->size() == 1) found = &found->front();
  if (found->is_number()) return std::vector(channels, found->get<double>());
  const bool has_all = found->is_array() && found->size() == channels &&
                       std::ranges::all_of(*found, &UntrustedJson::is_number);
  return has_all ? std::optional(found->get<std::vector<double>>()) : std::nullopt;
}

/// channel * scale + offset
void change(KerasPhoto& photo, const std::vector<double>& scales,
            const std::vector<double>& offsets) {
  for (std::size_t c = 0; c < photo.channels.size(); ++c) {
    KerasChannel& channel = photo.channels[c];
    channel.scale *= scales[c];
    channel.offset = channel.offset * scales[c] + offsets[c];
  }
  photo.is_changed = true;
}

/// photo + number, or number + photo, and so on.
void calculate(Operation operation, bool photo_first, std::vector<double> numbers,
               KerasPhoto& photo) {
  const std::size_t count = numbers.size();
  if (operation == Operation::kMultiply || operation == Operation::kDivide) {
    if (operation == Operation::kDivide) {
      for (double& number : numbers) number = 1 / number;
    }
    return change(photo, numbers, std::vector<double>(count, 0));
  }
  const bool is_difference = operation == Operation::kSubtract;
  if (is_difference && photo_first) {
    for (double& number : numbers) number = -number;
  }
  change(photo, std::vector<double>(count, is_difference && !photo_first ? -1 : 1), numbers);
}

/// A slice: Keras 3 has what it is in its config.
const UntrustedJson& slice_of(const UntrustedJson& json) {
  const UntrustedJson& config = member(json, "config");
  return config.is_object() ? config : json;
}

bool is_all_of_axis(const UntrustedJson& json) {
  const UntrustedJson& slice = slice_of(json);
  return slice.is_object() && slice.contains("step") && member(slice, "start").is_null() &&
         member(slice, "stop").is_null() &&
         (member(slice, "step").is_null() || member(slice, "step") == 1);
}

/// Python's [..., key] of channels, where the axes before may be written out; false for other keys.
bool take_channels(const UntrustedJson& keys, KerasPhoto& photo) {
  constexpr std::size_t kAxes = 4;
  if (!photo.has_axis || !keys.is_array() || keys.size() < 2) return false;
  const bool is_last_axis =
      keys.size() == kAxes
          ? std::all_of(keys.begin(), keys.end() - 1, is_all_of_axis)
          : keys.size() == 2 && text_of(keys.front(), "class_name") == "__ellipsis__";
  if (!is_last_axis) return false;
  const auto count = static_cast<std::int64_t>(photo.channels.size());
  // An index as it is, or counted from the end.
  const auto number = [count](const UntrustedJson& json, std::int64_t otherwise) {
    if (!json.is_number_integer()) return otherwise;
    const auto given = std::clamp<std::int64_t>(json.get<std::int64_t>(), -count - 1, count);
    return given < 0 ? given + count : given;
  };
  std::vector<KerasChannel> taken;
  if (keys.back().is_number_integer()) {
    const std::int64_t i = number(keys.back(), 0);
    if (i < 0 || i >= count) return false;
    taken.push_back(photo.channels[static_cast<std::size_t>(i)]);
    photo.has_axis = false;
  } else {
    const UntrustedJson& slice = slice_of(keys.back());
    if (!slice.is_object() || !slice.contains("step")) return false;
    const UntrustedJson& given = member(slice, "step");
    const std::int64_t step =
        given.is_number_integer()
            ? std::clamp<std::int64_t>(given.get<std::int64_t>(), -count - 1, count + 1)
            : 1;
    if (step == 0) return false;
    const std::int64_t begin =
        std::clamp<std::int64_t>(number(member(slice, "start"), step > 0 ? 0 : count - 1),
                                 step > 0 ? 0 : -1, step > 0 ? count : count - 1);
    const std::int64_t end = number(member(slice, "stop"), step > 0 ? count : -1);
    for (std::int64_t i = begin; step > 0 ? i < end : i > end; i += step) {
      taken.push_back(photo.channels[static_cast<std::size_t>(i)]);
    }
  }
  photo.channels = std::move(taken);
  photo.is_changed = true;
  return true;
}

Result<void> rescale(const std::string& layer, const UntrustedJson& config, KerasPhoto& photo) {
  const std::size_t count = photo.channels.size();
  const auto scales = numbers_of(member(config, "scale"), count);
  const UntrustedJson& offset = member(config, "offset");
  const auto offsets = offset.is_null() ? std::vector<double>(count, 0) : numbers_of(offset, count);
  if (!scales || !offsets) return unread(layer, "rescales by other than a number for each channel");
  change(photo, *scales, *offsets);
  return {};
}

/// (channel - mean) / sqrt(variance), of numbers in the description or, by adapt(), in the weights
Result<void> normalise(const std::string& layer, const UntrustedJson& config, KerasAdapted& adapted,
                       KerasPhoto& photo) {
  const std::size_t count = photo.channels.size();
  auto means = numbers_of(member(config, "mean"), count);
  auto variances = numbers_of(member(config, "variance"), count);
  if (member(config, "mean").is_null() && member(config, "variance").is_null()) {
    const auto found = adapted.known.find(layer);
    if (found == adapted.known.end()) {
      adapted.lacking.push_back(layer);
      photo.is_known = false;
      return {};
    }
    means = numbers_of(UntrustedJson(found->second.means), count);
    variances = numbers_of(UntrustedJson(found->second.variances), count);
  }
  if (!means || !variances || member(config, "invert") == true) {
    return unread(layer, "normalises by other than a mean and a variance for each channel");
  }
  constexpr double kKerasEpsilon = 1e-7;  // the least deviation
  std::vector<double> scales;
  std::vector<double> offsets;
  for (std::size_t c = 0; c < count; ++c) {
    scales.push_back(1 / std::max(std::sqrt((*variances)[c]), kKerasEpsilon));
    offsets.push_back(-(*means)[c] * scales.back());
  }
  change(photo, scales, offsets);
  return {};
}

/// Lambda(preprocess_input): others are called so, too, and do other things; or this one, by its
/// arguments. Keras 3 does not say whose it is.
Result<void> call_preprocess_input(const std::string& layer, const UntrustedJson& config,
                                   KerasPhoto& photo) {
  const UntrustedJson& function = member(config, "function");
  if (function != "preprocess_input" && text_of(function, "config") != "preprocess_input") {
    return unread(layer, "is a Lambda of Python code");
  }
  if (!text_of(config, "module").ends_with("vgg16") || !member(config, "arguments").empty()) {
    return unread(layer,
                  "calls a preprocess_input that may not be VGG16's; call it in the model, without "
                  "a Lambda");
  }
  std::ranges::reverse(photo.channels);
  const auto& mean = kKerasPreprocess.mean;
  if (photo.channels.size() != mean.size()) return unread(layer, "is given other than a photo");
  calculate(Operation::kSubtract, true, {mean.begin(), mean.end()}, photo);
  return {};
}

/// What an operation gives. before: of the layers whose results it may be given.
Result<KerasPhoto> compute(Operation operation, const std::string& layer,
                           const UntrustedJson& config, const std::vector<KerasOperand>& operands,
                           const KerasPhotos& before) {
  if (operation == Operation::kKeep) return before.given(layer, operands);
  std::vector<KerasPhoto> photos;
  const UntrustedJson* constant = nullptr;
  for (const KerasOperand& operand : operands) {
    if (operand.constant != nullptr) {
      constant = operand.constant;
      continue;
    }
    GRADCAM_TRY(KerasPhoto photo, before.given(layer, {operand}));
    photos.push_back(std::move(photo));
  }
  if (operation == Operation::kStack) {
    const UntrustedJson& axis = constant != nullptr ? *constant : member(config, "axis");
    KerasPhoto whole{.channels = {}, .is_changed = true};
    for (const KerasPhoto& photo : photos) {
      if (photo.has_axis || axis.is_null() || (axis != -1 && axis != 3)) {
        return unread(layer, "stacks other than channels");
      }
      whole.channels.push_back(photo.channels.front());
      whole.is_known = whole.is_known && photo.is_known;
    }
    return whole;
  }
  if (photos.size() != 1 || operands.size() != 2) {
    return unread(layer, "computes with other than a photo and numbers");
  }
  KerasPhoto& photo = photos.front();
  if (operation == Operation::kSlice) {
    if (take_channels(*constant, photo)) return photo;
    return unread(layer, "takes other parts of a photo than channels, as [..., ::-1] does");
  }
  const bool photo_first = operands.front().constant == nullptr;
  const auto numbers = numbers_of(*constant, photo.channels.size());
  if (!numbers || (operation == Operation::kDivide && !photo_first)) {
    return unread(layer, "computes with other than a photo and a number for each channel");
  }
  calculate(operation, photo_first, *numbers, photo);
  return photo;
}

}  // namespace

Result<KerasPhoto> KerasPhotos::given(const std::string& layer,
                                      const std::vector<KerasOperand>& operands) const {
  if (operands.empty()) return last_;
  const auto found = photos_.find(operands.front().layer);
  if (found != photos_.end()) return found->second;
  return unread(
      layer, "takes what " + quote(operands.front().layer) + " gives, which is no layer before it");
}

void KerasPhotos::add(const std::string& layer, KerasPhoto photo) {
  last_ = photo;
  photos_.insert_or_assign(layer, std::move(photo));
}

Result<void> KerasPhotos::read(const std::string& kind, const std::string& layer,
                               const UntrustedJson& config,
                               const std::vector<KerasOperand>& operands) {
  if (kind == "InputLayer") {
    add(layer, photo_);
    return {};
  }
  if (const auto operation = find_operation(kind, config)) {
    GRADCAM_TRY(KerasPhoto photo, compute(*operation, layer, config, operands, *this));
    add(layer, std::move(photo));
    return {};
  }
  GRADCAM_TRY(KerasPhoto photo, given(layer, operands));
  const bool is_augmentation =
      (kind.starts_with("Random") && kind != "RandomCrop") ||
      is_one_of(kind, {"RandAugment", "AugMix", "MixUp", "CutMix", "Solarization"});
  if (kind == "Rescaling") {
    GRADCAM_CHECK_OK(rescale(layer, config, photo));
  } else if (kind == "Normalization") {
    GRADCAM_CHECK_OK(normalise(layer, config, *adapted_, photo));
  } else if (kind == "Lambda") {
    GRADCAM_CHECK_OK(call_preprocess_input(layer, config, photo));
  } else if (kind == "Resizing") {
    if (member(config, "crop_to_aspect_ratio") == true ||
        member(config, "pad_to_aspect_ratio") == true) {
      return unread(layer, "crops or pads photos, which are to be resized whole");
    }
  } else if (!is_augmentation && !is_idle_keras(kind)) {
    const std::string function = text_of(config, "function");
    return unread(layer,
                  function.empty() ? "is of the class " + quote(kind) : "calls " + quote(function));
  }
  add(layer, std::move(photo));
  return {};
}

Result<std::optional<Preprocess>> preprocess_of(const KerasPhoto& photo, const std::string& layer) {
  if (!photo.is_changed || !photo.is_known) return std::nullopt;
  const auto& channels = photo.channels;
  Preprocess found = kKerasPreprocess;
  found.bgr = !channels.empty() && channels.front().of != 0;
  bool is_photo = photo.has_axis && channels.size() == found.mean.size();
  for (std::size_t c = 0; c < channels.size(); ++c) {
    is_photo = is_photo && channels[c].of == (found.bgr ? channels.size() - 1 - c : c);
  }
  if (!is_photo) {
    return unread(layer, "is given other channels than red, green and blue, or those as BGR");
  }
  found.scale = static_cast<float>(channels.front().scale);
  for (std::size_t c = 0; c < channels.size(); ++c) {
    constexpr double kMostScale = 1 + 1e-6;
    const double scale = channels[c].scale;
    const double ratio = channels.front().scale / scale;
    found.mean[c] = static_cast<float>(0 - channels[c].offset * ratio);
    found.std[c] = static_cast<float>(ratio);
    const bool is_usual = scale <= kMostScale && found.scale > 0 && found.std[c] > 0 &&
                          std::isfinite(found.std[c]) && std::isfinite(found.mean[c]);
    if (is_usual) continue;
    return unread(layer, "is given a photo times " + UntrustedJson(scale).dump() +
                             ", but expected is a number above 0 and up to 1, since pixels go from "
                             "0 to 255 (a model that was made for pixels from 0 to 1 needs a "
                             "Rescaling(1/255) first)");
  }
  return found;
}

bool is_idle_keras(const std::string& kind) {
  return is_one_of(
      kind, {"ActivityRegularization", "AlphaDropout", "Cast", "CastToFloat32", "Dropout",
             "GaussianDropout", "GaussianNoise", "Identity", "InputLayer", "SpatialDropout2D"});
}

}  // namespace gradcam
