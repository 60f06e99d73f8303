#include "gradcam/explain/guided_backprop.h"

#include <cmath>
#include <utility>

namespace gradcam {

Result<std::vector<Tensor>> guided_gradients(const ExplainContext& context,
                                             std::span<const std::size_t> classes) {
  const Vgg16& model = context.model;
  const Activations& activations = context.activations;
  GRADCAM_TRY(const Tensor seeds, model.class_seeds(classes));
  GRADCAM_TRY(const Tensor fc1, model.backward_to_fc1(activations, seeds, ReluRule::kGuided));
  GRADCAM_TRY(const Tensor pool_gradients, model.backward_to_block5_pool(fc1));
  std::vector<Tensor> gradients;
  for (std::size_t row = 0; row < classes.size(); ++row) {
    GRADCAM_TRY(const Tensor pool_gradient,
                pool_gradients.row_as(activations.block5_pool.shape(), row));
    GRADCAM_TRY(Tensor gradient,
                model.backward_to_input(activations, pool_gradient, ReluRule::kGuided));
    gradients.push_back(std::move(gradient));
  }
  return gradients;
}

Heatmap guided_backprop_map(const Tensor& gradient) {
  std::vector<double> largest(gradient.dim(0) * gradient.dim(1));
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    double& pixel = largest[i / gradient.dim(2)];
    const double value = std::abs(double{gradient.data()[i]});
    if (value > pixel || std::isnan(value)) pixel = value;
  }
  return make_heatmap(gradient.dim(0), gradient.dim(1), largest);
}

}  // namespace gradcam
