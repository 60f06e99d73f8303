#include "explain/eigen_cam.h"

#include "explain/channels.h"

namespace gradcam {

Result<std::vector<Heatmap>> eigen_cam(const ExplainContext& context,
                                       std::span<const std::size_t> classes) {
  // A class that does not exist is refused, although every class has the same map.
  GRADCAM_TRY(const Tensor seeds, context.model.class_seeds(classes));
  const Tensor& activation = context.activation();
  const Heatmap map = make_heatmap(activation.dim(0), activation.dim(1),
                                   first_component(activation, /*centred=*/false));
  return std::vector<Heatmap>(seeds.dim(0), map);
}

}  // namespace gradcam
