#include "explain/grad_cam.h"

#include <string>
#include <utility>

#include "kernels/weighted_sum.h"

namespace gradcam {
namespace {

/// Grad-CAM of `sign` times each class's logit.
Result<std::vector<Heatmap>> signed_grad_cam(const Vgg16& model, const Activations& activations,
                                             std::span<const std::size_t> classes, float sign) {
  GRADCAM_TRY(const Tensor fc1_gradient, model.backward_to_fc1(activations, classes));
  GRADCAM_TRY(Tensor alpha, model.backward_to_block5_pool_sums(fc1_gradient));
  const Tensor& activation = activations.block5_conv3();
  const auto positions = static_cast<float>(activation.dim(0) * activation.dim(1));
  for (float& value : alpha.values()) value *= sign / positions;
  std::vector<Heatmap> maps;
  maps.reserve(classes.size());
  const std::size_t channels = alpha.dim(1);
  for (std::size_t row = 0; row < classes.size(); ++row) {
    GRADCAM_TRY(Heatmap map,
                weighted_map(activation, alpha.values().subspan(row * channels, channels)));
    maps.push_back(std::move(map));
  }
  return maps;
}

std::vector<Heatmap> signed_grad_cam(const Member& member, double sign) {
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

}  // namespace

std::vector<float> channel_means(const Tensor& gradient) {
  const std::size_t channels = gradient.dim(gradient.rank() - 1);
  std::vector<double> sums(channels);
  const float* value = gradient.data();
  const std::size_t positions = gradient.size() / channels;
  for (std::size_t p = 0; p < positions; ++p) {
    for (double& sum : sums) sum += *value++;
  }
  std::vector<float> means(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    means[c] = static_cast<float>(sums[c] / static_cast<double>(positions));
  }
  return means;
}

Result<Heatmap> weighted_map(const Tensor& activation, std::span<const float> alpha) {
  if (activation.rank() != 3 || activation.dim(2) != alpha.size()) {
    return fail(ErrorCode::kInvalidArgument,
                std::to_string(alpha.size()) + " channel weights do not fit activations of shape " +
                    to_string(activation.shape()));
  }
  std::vector<double> raw(activation.dim(0) * activation.dim(1));
  weighted_sums(activation.data(), raw.size(), alpha.size(), alpha.data(), raw.data());
  return make_heatmap(activation.dim(0), activation.dim(1), raw);
}

Result<std::vector<Heatmap>> grad_cam(const Vgg16& model, const Activations& activations,
                                      std::span<const std::size_t> classes) {
  return signed_grad_cam(model, activations, classes, 1);
}

Result<std::vector<Heatmap>> counterfactual(const Vgg16& model, const Activations& activations,
                                            std::span<const std::size_t> classes) {
  return signed_grad_cam(model, activations, classes, -1);
}

std::vector<Heatmap> grad_cam(const Member& member) { return signed_grad_cam(member, 1); }

std::vector<Heatmap> counterfactual(const Member& member) { return signed_grad_cam(member, -1); }

}  // namespace gradcam
