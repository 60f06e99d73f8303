#include "gradcam/explain/grad_cam_plus_plus.h"

#include <vector>

#include "gradcam/explain/channels.h"

namespace gradcam {

Result<Tensor> grad_cam_plus_plus(const Tensor& activation, const Tensor& gradient) {
  GRADCAM_CHECK_OK(check_cam_inputs(activation, gradient));
  const std::size_t channels = activation.dim(2);
  std::vector<double> activation_sums(channels);
  for (std::size_t i = 0; i < activation.size(); ++i) {
    activation_sums[i % channels] += activation.data()[i];
  }
  std::vector<double> weights(channels);
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const double g = gradient.data()[i];
    if (g <= 0) continue;  // ReLU(g) is 0
    // g^2 / (2 g^2 + sum(A) g^3), with g^2 divided out: it may be too small for a number.
    const double denominator = 2 + activation_sums[i % channels] * g;
    if (denominator != 0) weights[i % channels] += g / denominator;
  }
  const std::vector<float> alpha(weights.begin(), weights.end());
  return weighted_channels(activation, alpha);
}

}  // namespace gradcam
