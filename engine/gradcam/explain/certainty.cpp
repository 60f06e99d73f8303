#include "gradcam/explain/certainty.h"

#include <array>
#include <cstddef>

namespace gradcam {

std::string_view certainty_name(Certainty certainty) {
  constexpr std::array<std::string_view, 4> kNames = {"sure", "unsure", "lost", "others"};
  return kNames[static_cast<std::size_t>(certainty)];
}

float unsure_below(const ModelMetadata& metadata) {
  if (metadata.unsure_below > 0) return metadata.unsure_below;
  const std::size_t answers = metadata.labels.size() + (metadata.others.empty() ? 0 : 1);
  return answers > 0 ? (1 + 1 / static_cast<float>(answers)) / 2 : 1;
}

Certainty certainty_of(std::span<const Prediction> predictions, float others,
                       const ModelMetadata& metadata) {
  constexpr float kLostBelow = 0.25f;
  const float best = predictions.empty() ? 0 : predictions.front().probability;
  if (others > 0.5f) return Certainty::kOthers;  // more than all classes together
  if (best >= unsure_below(metadata)) return Certainty::kSure;
  return best < kLostBelow ? Certainty::kLost : Certainty::kUnsure;
}

}  // namespace gradcam
