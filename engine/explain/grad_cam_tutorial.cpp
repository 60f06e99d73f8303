#include "explain/grad_cam_tutorial.h"

#include <algorithm>
#include <cmath>

#include "explain/grad_cam.h"

namespace gradcam {

Result<std::vector<Heatmap>> grad_cam_tutorial(const ExplainContext& context,
                                               std::span<const std::size_t> classes) {
  GRADCAM_TRY(Tensor seeds, context.model.class_seeds(classes));
  const auto logits = context.activations.logits.values();
  const double temperature = double{context.model.info().metadata.temperature};
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
  GRADCAM_TRY(std::vector<Heatmap> maps, grad_cam_of_scores(context, seeds));
  for (Heatmap& map : maps) map.maximum /= static_cast<float>(context.activation().dim(2));
  return maps;
}

}  // namespace gradcam
