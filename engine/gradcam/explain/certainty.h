#pragma once

#include <span>
#include <string_view>

#include "gradcam/vgg16/vgg16.h"

namespace gradcam {

/// Whether an answer is to be believed.
enum class Certainty {
  kSure,
  kUnsure,  ///< between classes
  kLost,    ///< no class is anywhere near: perhaps the photo shows nothing that the network knows
  kOthers,  ///< the photo rather shows what is none of the classes (ModelMetadata::others)
};

/// "sure", "unsure", "lost" or "others".
std::string_view certainty_name(Certainty certainty);

/// From which probability on the best class is believed: the model's own `unsure_below`, or, where
/// it has none, half-way from guessing to certainty. The best of two classes never has less than a
/// half.
float unsure_below(const ModelMetadata& metadata);

/// By unsure_below.
/// @param predictions the most probable first, as Vgg16::predictions gives them
/// @param others the probability that the photo shows none of the classes
Certainty certainty_of(std::span<const Prediction> predictions, float others,
                       const ModelMetadata& metadata);

}  // namespace gradcam
