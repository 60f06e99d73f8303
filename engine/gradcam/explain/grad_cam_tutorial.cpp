#include "gradcam/explain/grad_cam_tutorial.h"

#include "gradcam/explain/grad_cam.h"
#include "gradcam/layers/softmax.h"

namespace gradcam {

Result<Tensor> tutorial_scores(const Vgg16& model, const Activations& activations,
                               std::span<const std::size_t> classes) {
  GRADCAM_CHECK_OK(model.check_activations(activations));
  GRADCAM_TRY(Tensor seeds, model.class_seeds(classes));
  const std::size_t logits = seeds.dim(1);
  for (std::size_t row = 0; row < classes.size(); ++row) {
    softmax_backward(activations.logits.values(), model.info().metadata.temperature, classes[row],
                     seeds.values().subspan(row * logits, logits));
  }
  return seeds;
}

Result<Heatmap> tutorial_map(const LayerView& layer, const Tensor& gradient) {
  GRADCAM_TRY(Heatmap map, grad_cam_map(layer, gradient));
  map.maximum /= static_cast<float>(layer.activation.dim(2));
  return map;
}

Heatmap tutorial_map_of_sum(const Tensor& sum, std::size_t channels) {
  Heatmap map = grad_cam_map_of_sum(sum, channels);
  map.maximum /= static_cast<float>(channels);
  return map;
}

}  // namespace gradcam
