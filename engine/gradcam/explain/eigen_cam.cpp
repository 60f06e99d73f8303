#include "gradcam/explain/eigen_cam.h"

#include <vector>

#include "gradcam/explain/channels.h"

namespace gradcam {

Result<Heatmap> eigen_cam_map(const LayerView& layer, const Tensor& /*gradient*/) {
  const Tensor& activation = layer.activation;
  GRADCAM_TRY(const std::vector<double> raw, first_component(activation, /*centred=*/false));
  return make_heatmap(activation.dim(0), activation.dim(1), raw);
}

}  // namespace gradcam
