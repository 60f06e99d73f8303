#include "explain/eigen_grad_cam.h"

#include "explain/channels.h"
#include "explain/gradients.h"
#include "explain/hires_cam.h"

namespace gradcam {

Result<std::vector<Heatmap>> eigen_grad_cam(const ExplainContext& context,
                                            std::span<const std::size_t> classes) {
  GRADCAM_TRY(const Tensor seeds, context.model.class_seeds(classes));
  return map_gradients(context, seeds, [&](const Tensor& gradient) -> Result<Heatmap> {
    GRADCAM_TRY(const Tensor products, hires_cam(context.activation(), gradient));
    return make_heatmap(products.dim(0), products.dim(1),
                        first_component(products, /*centred=*/true));
  });
}

}  // namespace gradcam
