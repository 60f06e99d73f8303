#include "explain/grad_cam.h"

#include <utility>

#include "explain/channels.h"
#include "explain/gradients.h"

namespace gradcam {

Result<std::vector<Heatmap>> grad_cam_of_scores(const ExplainContext& context,
                                                const Tensor& seeds) {
  const Tensor& activation = context.activation();
  if (context.layer < kBlock5Conv3) {
    return map_gradients(context, seeds, [&](const Tensor& gradient) {
      return combine_weighted(context, channel_means(gradient));
    });
  }
  GRADCAM_TRY(const Tensor fc1_gradient, context.model.backward_to_fc1(context.activations, seeds));
  GRADCAM_TRY(Tensor alpha, context.model.backward_to_block5_pool_sums(fc1_gradient));
  const auto positions = static_cast<float>(activation.dim(0) * activation.dim(1));
  for (float& value : alpha.values()) value /= positions;
  std::vector<Heatmap> maps;
  maps.reserve(alpha.dim(0));
  const std::size_t channels = alpha.dim(1);
  for (std::size_t row = 0; row < alpha.dim(0); ++row) {
    GRADCAM_TRY(Heatmap map,
                combine_weighted(context, alpha.values().subspan(row * channels, channels)));
    maps.push_back(std::move(map));
  }
  return maps;
}

Result<std::vector<Heatmap>> grad_cam(const ExplainContext& context,
                                      std::span<const std::size_t> classes) {
  GRADCAM_TRY(const Tensor seeds, context.model.class_seeds(classes));
  return grad_cam_of_scores(context, seeds);
}

Result<std::vector<Heatmap>> grad_cam(const Vgg16& model, const Activations& activations,
                                      std::span<const std::size_t> classes) {
  const Tensor not_needed;
  return grad_cam({.model = model, .input = not_needed, .activations = activations}, classes);
}

std::vector<Heatmap> grad_cam(const Member& member, double sign) {
  const Tensor& activation = member.activations().block5_conv3();
  const std::size_t cells = activation.dim(0) * activation.dim(1);
  std::vector<double> raw(member.raw_maps().begin(), member.raw_maps().end());
  for (double& cell : raw) cell *= sign;
  std::vector<Heatmap> maps;
  for (std::span<const double> rest = raw; !rest.empty(); rest = rest.subspan(cells)) {
    maps.push_back(make_heatmap(activation.dim(0), activation.dim(1), rest.first(cells)));
  }
  return maps;
}

std::vector<Heatmap> grad_cam(const Member& member) { return grad_cam(member, 1); }

}  // namespace gradcam
