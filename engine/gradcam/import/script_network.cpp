#include "gradcam/import/script_network.h"

#include <array>
#include <cstddef>
#include <string>

#include "gradcam/tensor/text.h"

namespace gradcam::internal {
namespace {

using StepKind = ScriptStep::Kind;

/// For messages.
std::string what_does(StepKind kind) {
  switch (kind) {
    case StepKind::kConvolution:
      return "a convolution";
    case StepKind::kDense:
      return "a dense layer";
    case StepKind::kNorm:
      return "batch normalisation";
    case StepKind::kRelu:
      return "a ReLU";
    case StepKind::kMaxPool:
      return "a max-pool";
    case StepKind::kMean:
      return "a mean of all positions";
    case StepKind::kSevenPositions:
      return "an AdaptiveAvgPool2d";
    case StepKind::kSoftmax:
      return "a Softmax";
    case StepKind::kSigmoid:
      return "a Sigmoid";
  }
  return "";
}

/// Goes through the steps beside the layers of a network.
class ScriptFollower {
 public:
  ScriptFollower(const std::vector<ScriptStep>& steps, ForeignVgg16& network)
      : steps_(steps), network_(network) {}

  Result<void> follow() {
    std::size_t conv = 0;
    for (const int convs : kConvsOfBlock) {
      for (int i = 0; i < convs && conv < network_.convs.size(); ++i, ++conv) {
        GRADCAM_CHECK_OK(pass_layer(network_.convs[conv], true));
        GRADCAM_CHECK_OK(pass(StepKind::kRelu));
      }
      GRADCAM_CHECK_OK(pass(StepKind::kMaxPool));
    }
    while (is_next(StepKind::kSevenPositions)) ++at_;
    const bool averages = is_next(StepKind::kMean);
    if (!network_.dense.empty()) {
      network_.averages = averages;
      // Where nothing averages, nor takes the maxima of all positions, there is only one.
      const Shape& channels = network_.convs.back().bias.shape;
      const Shape& dense = network_.dense.front().weight.shape;
      if (!averages && dense.size() == 2 && channels == Shape{dense[1]}) {
        network_.side = static_cast<int>(kTotalStride);
      }
    }
    for (std::size_t i = 0; i < network_.dense.size(); ++i) {
      skip_means();
      ForeignLayer& layer = network_.dense[i];
      if (layer.input_norm) GRADCAM_CHECK_OK(pass_norm(*layer.input_norm));
      GRADCAM_CHECK_OK(pass_layer(layer, false));
      if (i + 1 < network_.dense.size()) GRADCAM_CHECK_OK(pass(StepKind::kRelu));
    }
    skip_means();
    if (is_next(StepKind::kSigmoid) && !network_.dense.empty() &&
        network_.dense.back().bias.shape != Shape{1}) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "it has a Sigmoid of several outputs, each of which is a class on its own");
    }
    if (is_next(StepKind::kSoftmax) || is_next(StepKind::kSigmoid)) ++at_;
    return at_ == steps_.size() ? Result<void>() : unexpected("nothing more");
  }

 private:
  bool is_next(StepKind kind) const { return at_ < steps_.size() && steps_[at_].kind == kind; }

  /// Behind another one, or behind a convolution that leaves one position, it changes nothing.
  void skip_means() {
    while (is_next(StepKind::kMean)) ++at_;
  }

  std::unexpected<Error> unexpected(const std::string& expected) const {
    std::string before = "the photo";
    for (std::size_t i = 0; i < at_; ++i) {
      if (!steps_[i].tensors[0].empty()) before = quote(steps_[i].tensors[0]);
    }
    const std::string found =
        at_ == steps_.size()
            ? "ends"
            : "goes on with " + what_does(steps_[at_].kind) + " (" +
                  (steps_[at_].tensors[0].empty() ? steps_[at_].call
                                                  : quote(steps_[at_].tensors[0])) +
                  ")";
    return fail(ErrorCode::kUnsupportedFormat, "its forward pass, by the code in its archive, " +
                                                   found + " behind " + before +
                                                   ", where expected is " + expected);
  }

  Result<void> pass(StepKind kind) {
    if (!is_next(kind)) return unexpected(what_does(kind));
    ++at_;
    return {};
  }

  /// Dense layers may be convolutions, without padding.
  Result<void> pass_layer(ForeignLayer& layer, bool is_conv) {
    const std::string expected = what_does(is_conv ? StepKind::kConvolution : StepKind::kDense) +
                                 " with " + (is_conv ? "a padding of 1 and " : "") +
                                 quote(layer.weight.name);
    const bool is_one = is_next(StepKind::kConvolution) || (is_next(StepKind::kDense) && !is_conv);
    if (!is_one || steps_[at_].pads != is_conv || steps_[at_].tensors[0] != layer.weight.name ||
        steps_[at_].tensors[1] != layer.bias.name) {
      return unexpected(expected);
    }
    ++at_;
    return layer.norm ? pass_norm(*layer.norm) : Result<void>();
  }

  Result<void> pass_norm(ForeignNorm& norm) {
    const std::array<std::string, 4> tensors = {norm.scale ? norm.scale->name : "",
                                                norm.shift ? norm.shift->name : "", norm.mean.name,
                                                norm.variance.name};
    if (!is_next(StepKind::kNorm) || steps_[at_].tensors != tensors) {
      return unexpected("batch normalisation with " + quote(norm.mean.name));
    }
    norm.epsilon = static_cast<float>(steps_[at_].epsilon);
    ++at_;
    return {};
  }

  const std::vector<ScriptStep>& steps_;
  ForeignVgg16& network_;
  std::size_t at_ = 0;
};

}  // namespace

Result<void> follow_script(const std::vector<ScriptStep>& steps, ForeignVgg16& network) {
  return ScriptFollower(steps, network).follow();
}

}  // namespace gradcam::internal
