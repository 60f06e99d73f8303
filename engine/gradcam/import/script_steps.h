#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradcam/import/script_place.h"
#include "gradcam/import/script_value.h"
#include "gradcam/tensor/error.h"

/// What a forward pass does, step by step, by the functions of torch that its code calls. Private
/// to this room.
namespace gradcam::internal {

/// Something that the forward pass does to what it has made of the photo so far.
struct ScriptStep {
  enum class Kind {
    kConvolution,
    kDense,
    kNorm,
    kRelu,
    kMaxPool,
    kMean,            ///< of all positions
    kSevenPositions,  ///< rows and columns, which those of a VGG16 are already
    kSoftmax,
    kSigmoid,
  };
  Kind kind = Kind::kRelu;
  std::string call = {};  ///< the function that does it
  /// Weight and bias; of a normalisation mean and variance, too. Empty for what is not there.
  std::array<std::string, 4> tensors = {};
  double epsilon = 0;  ///< of a normalisation
  bool pads = false;   ///< whether a convolution has as many outputs as inputs
};

/// Takes down the steps as functions are called. It knows those that a VGG16 needs, whatever text
/// the archive has of them.
class ScriptSteps {
 public:
  /// place: of the calls; must outlive it.
  explicit ScriptSteps(const ScriptPlace& place) : place_(place) {}

  /// A call with tensors: of "torch.relu", say, or "__torch__.torch.nn.functional.relu". What it
  /// returns is the photo, after the step if it is one; kUnsupportedFormat for what is none of a
  /// VGG16's.
  Result<ScriptValue> call(std::string_view name, const ScriptArguments& arguments);

  std::size_t size() const { return steps_.size(); }
  std::vector<ScriptStep> take() && { return std::move(steps_); }

 private:
  /// A function of torch, and what it is given.
  struct Call {
    std::string_view name;  ///< as it stands in the code
    std::string_view does;  ///< "relu"
    bool is_functional;     ///< of torch.nn.functional
    bool is_addmm;  ///< a dense layer that is given its bias first, and its weight transposed
    const ScriptArguments& arguments;

    const ScriptValue& input() const { return arguments[is_addmm ? 1 : 0]; }
    ScriptStep step(ScriptStep::Kind kind) const {
      return {.kind = kind, .call = std::string(name)};
    }
  };

  static Call call_of(std::string_view name, const ScriptArguments& arguments);
  Result<void> check_input(const Call& call) const;

  Result<ScriptValue> convolve(const Call& call);
  Result<ScriptValue> run_dense(const Call& call);
  Result<ScriptValue> normalize(const Call& call);
  Result<ScriptValue> rectify(const Call& call);
  Result<ScriptValue> pool(const Call& call);
  Result<ScriptValue> pool_adaptively(const Call& call);
  Result<ScriptValue> average(const Call& call);
  Result<ScriptValue> soften(const Call& call);
  Result<ScriptValue> squash(const Call& call);
  Result<ScriptValue> flatten(const Call& call);
  Result<ScriptValue> reshape(const Call& call);
  Result<ScriptValue> drop_out(const Call& call);

  Result<void> check(const Call& call, const char* setting, std::size_t place,
                     double expected) const;
  Result<void> check_if_given(const Call& call, const char* setting, std::size_t place,
                              double expected) const;
  Result<std::array<std::string, 4>> tensors_of(const Call& call,
                                                std::initializer_list<std::size_t> places) const;
  Result<ScriptValue> add(ScriptStep step);

  const ScriptPlace& place_;
  std::vector<ScriptStep> steps_;
  bool is_rectified_ = false;  // whether nothing is below zero
};

}  // namespace gradcam::internal
