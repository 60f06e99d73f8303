#include "gradcam/explain/grad_cam_tutorial.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gradcam/explain/grad_cam.h"

namespace gradcam {

Result<Tensor> tutorial_scores(const Vgg16& model, const Activations& activations,
                               std::span<const std::size_t> classes) {
  GRADCAM_CHECK_OK(model.check_activations(activations));
  GRADCAM_TRY(Tensor seeds, model.class_seeds(classes));
  const auto logits = activations.logits.values();
  const double temperature = double{model.info().metadata.temperature};
  // In double: of a class that is all but certain, 1 - p would be rounded away.
  std::vector<double> p(logits.size());
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    p[i] = std::exp((double{logits[i]} - double{std::ranges::max(logits)}) / temperature);
    sum += p[i];
  }
  for (std::size_t row = 0; row < classes.size(); ++row) {
    const std::size_t c = classes[row];
    double others = 0;
    for (std::size_t i = 0; i < p.size(); ++i) others += i == c ? 0 : p[i] / sum;
    for (std::size_t i = 0; i < p.size(); ++i) {
      const double slope = p[c] / sum * (i == c ? others : -p[i] / sum) / temperature;
      seeds.data()[row * p.size() + i] = static_cast<float>(slope);
    }
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
