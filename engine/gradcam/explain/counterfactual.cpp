#include "gradcam/explain/counterfactual.h"

namespace gradcam {

Result<Tensor> negative_scores(const Vgg16& model, const Activations& /*activations*/,
                               std::span<const std::size_t> classes) {
  GRADCAM_TRY(Tensor seeds, model.class_seeds(classes));
  for (float& seed : seeds.values()) seed = -seed;
  return seeds;
}

}  // namespace gradcam
