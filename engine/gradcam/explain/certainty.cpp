#include "gradcam/explain/certainty.h"

#include <array>
#include <cstddef>

namespace gradcam {

std::string_view certainty_name(Certainty certainty) {
  constexpr std::array<std::string_view, 4> kNames = {"sure", "unsure", "lost", "others"};
  return kNames[static_cast<std::size_t>(certainty)];
}

Certainty certainty_of(std::span<const Prediction> predictions, float others,
                       const ModelMetadata& metadata) {
  constexpr float kLostBelow = 0.25f;
  constexpr float kUsualUnsureBelow = 0.5f;
  const float best = predictions.empty() ? 0 : predictions.front().probability;
  if (others > 0.5f) return Certainty::kOthers;  // more than all classes together
  const float unsure_below = metadata.unsure_below > 0 ? metadata.unsure_below : kUsualUnsureBelow;
  if (best >= unsure_below) return Certainty::kSure;
  return best < kLostBelow ? Certainty::kLost : Certainty::kUnsure;
}

}  // namespace gradcam
