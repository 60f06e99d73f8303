#include "gradcam/explain/cam.h"

#include <utility>

namespace gradcam {

Result<Tensor> class_scores(const Vgg16& model, const Activations& /*activations*/,
                            std::span<const std::size_t> classes) {
  return model.class_seeds(classes);
}

Result<std::vector<Heatmap>> cam_maps(const Cam& cam, const LayerView& layer,
                                      std::span<const Tensor> gradients, std::size_t count) {
  if (cam.gradient == GradientUse::kNone) {
    GRADCAM_TRY(const Heatmap map, cam.map(layer, Tensor()));
    return std::vector<Heatmap>(count, map);
  }
  std::vector<Heatmap> maps;
  for (const Tensor& gradient : gradients) {
    GRADCAM_TRY(Heatmap map, cam.map(layer, gradient));
    maps.push_back(std::move(map));
  }
  return maps;
}

Result<std::vector<Heatmap>> explain_by(const Cam& cam, const ExplainContext& context,
                                        std::span<const std::size_t> classes) {
  const Vgg16& model = context.model;
  const Activations& activations = context.activations;
  GRADCAM_CHECK_OK(model.check_activations(activations));
  GRADCAM_CHECK_OK(model.check_map(activations, context.layer));
  if (cam.map == nullptr) {
    return fail(ErrorCode::kInvalidArgument, "this Cam makes no map");
  }
  GRADCAM_TRY(const Tensor seeds, cam.scores(model, activations, classes));
  if (cam.gradient == GradientUse::kNone) {
    return cam_maps(cam, context.view(), {}, classes.size());
  }
  GRADCAM_TRY(const Tensor fc1_gradients, model.backward_to_fc1(activations, seeds));
  const bool only_means = cam.gradient == GradientUse::kMeans && context.layer >= kBlock5Conv3;
  GRADCAM_TRY(const Tensor pool_gradients, only_means
                                               ? model.backward_to_block5_pool_sums(fc1_gradients)
                                               : model.backward_to_block5_pool(fc1_gradients));
  const Tensor& activation = context.activation();
  std::vector<Heatmap> maps;
  maps.reserve(classes.size());
  for (std::size_t row = 0; row < classes.size(); ++row) {
    Tensor gradient;
    if (only_means) {
      const std::size_t channels = activation.dim(2);
      GRADCAM_TRY(gradient, pool_gradients.row_as({1, 1, channels}, row));
      const auto positions = static_cast<float>(activation.dim(0) * activation.dim(1));
      for (float& value : gradient.values()) value /= positions;
    } else {
      GRADCAM_TRY(const Tensor pool_gradient,
                  pool_gradients.row_as(activations.block5_pool.shape(), row));
      GRADCAM_TRY(gradient, model.backward_to_layer(activations, pool_gradient, context.layer));
    }
    GRADCAM_TRY(Heatmap map, cam.map(context.view(), gradient));
    maps.push_back(std::move(map));
  }
  return maps;
}

}  // namespace gradcam
