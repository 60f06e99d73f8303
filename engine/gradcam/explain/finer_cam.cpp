#include "gradcam/explain/finer_cam.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gradcam/tensor/order.h"

namespace gradcam {

Result<Tensor> finer_scores(const Vgg16& model, const Activations& activations,
                            std::span<const std::size_t> classes) {
  GRADCAM_CHECK_OK(model.check_activations(activations));
  GRADCAM_TRY(Tensor seeds, model.class_seeds(classes));
  const auto logits = activations.logits.values();
  for (std::size_t row = 0; row < classes.size(); ++row) {
    const std::size_t c = classes[row];
    std::vector<double> nearness;
    for (const float logit : logits.first(model.classes()))
      nearness.push_back(-double{std::abs(logit - logits[c])});
    nearness[c] = -std::numeric_limits<double>::infinity();
    std::vector<std::size_t> others = largest_first(nearness);
    others.pop_back();  // the class itself
    constexpr std::size_t kReferences = 3;
    const std::size_t count = std::min(kReferences, others.size());
    for (std::size_t i = 0; i < count; ++i) {
      seeds.data()[row * logits.size() + others[i]] = -1.0f / static_cast<float>(count);
    }
  }
  return seeds;
}

}  // namespace gradcam
