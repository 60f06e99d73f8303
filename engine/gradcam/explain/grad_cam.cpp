#include "gradcam/explain/grad_cam.h"

#include "gradcam/explain/channels.h"

namespace gradcam {

Result<Heatmap> grad_cam_map(const LayerView& layer, const Tensor& gradient) {
  return combine_weighted(layer, channel_means(gradient));
}

Heatmap grad_cam_map_of_sum(const Tensor& sum, std::size_t /*channels*/) {
  const std::vector<double> raw(sum.values().begin(), sum.values().end());
  return make_heatmap(sum.dim(0), sum.dim(1), raw);
}

Result<std::vector<Heatmap>> grad_cam(const Vgg16& model, const Activations& activations,
                                      std::span<const std::size_t> classes) {
  return explain_by(kGradCam, {.model = model, .activations = activations}, classes);
}

}  // namespace gradcam
