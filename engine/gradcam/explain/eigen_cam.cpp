#include "gradcam/explain/eigen_cam.h"

#include "gradcam/explain/channels.h"

namespace gradcam {

Result<Heatmap> eigen_cam_map(const LayerView& layer, const Tensor& /*gradient*/) {
  const Tensor& activation = layer.activation;
  return make_heatmap(activation.dim(0), activation.dim(1),
                      first_component(activation, /*centred=*/false));
}

}  // namespace gradcam
