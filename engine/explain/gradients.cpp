#include "explain/gradients.h"

#include <utility>

namespace gradcam {

Result<std::vector<Heatmap>> map_gradients(
    const ExplainContext& context, const Tensor& seeds,
    const std::function<Result<Heatmap>(const Tensor& gradient)>& map) {
  const Vgg16& model = context.model;
  const Activations& activations = context.activations;
  GRADCAM_TRY(const Tensor fc1_gradients, model.backward_to_fc1(activations, seeds));
  GRADCAM_TRY(const Tensor pool_gradients, model.backward_to_block5_pool(fc1_gradients));
  const Tensor& pool = activations.block5_pool;
  std::vector<Heatmap> maps;
  maps.reserve(seeds.dim(0));
  for (std::size_t row = 0; row < seeds.dim(0); ++row) {
    const auto values = pool_gradients.values().subspan(row * pool.size(), pool.size());
    GRADCAM_TRY(const Tensor pool_gradient, Tensor::from(pool.shape(), values));
    GRADCAM_TRY(const Tensor gradient,
                model.backward_to_layer(activations, pool_gradient, context.layer));
    GRADCAM_TRY(Heatmap one, map(gradient));
    maps.push_back(std::move(one));
  }
  return maps;
}

Result<std::vector<Heatmap>> map_contributions(const ExplainContext& context,
                                               std::span<const std::size_t> classes,
                                               Contributions contributions) {
  GRADCAM_TRY(const Tensor seeds, context.model.class_seeds(classes));
  return map_gradients(context, seeds, [&](const Tensor& gradient) -> Result<Heatmap> {
    GRADCAM_TRY(const Tensor each, contributions(context.activation(), gradient));
    return combine_channels(context, each);
  });
}

}  // namespace gradcam
