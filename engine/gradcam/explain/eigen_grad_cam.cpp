#include "gradcam/explain/eigen_grad_cam.h"

#include <vector>

#include "gradcam/explain/channels.h"
#include "gradcam/explain/hires_cam.h"

namespace gradcam {

Result<Heatmap> eigen_grad_cam_map(const LayerView& layer, const Tensor& gradient) {
  GRADCAM_TRY(const Tensor products, hires_cam(layer.activation, gradient));
  GRADCAM_TRY(const std::vector<double> raw, first_component(products, /*centred=*/true));
  return make_heatmap(products.dim(0), products.dim(1), raw);
}

}  // namespace gradcam
