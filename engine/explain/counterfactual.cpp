#include "explain/counterfactual.h"

#include "explain/grad_cam.h"

namespace gradcam {

Result<std::vector<Heatmap>> counterfactual(const ExplainContext& context,
                                            std::span<const std::size_t> classes) {
  GRADCAM_TRY(Tensor seeds, context.model.class_seeds(classes));
  for (float& seed : seeds.values()) seed = -seed;
  return grad_cam_of_scores(context, seeds);
}

std::vector<Heatmap> counterfactual(const Member& member) { return grad_cam(member, -1); }

}  // namespace gradcam
