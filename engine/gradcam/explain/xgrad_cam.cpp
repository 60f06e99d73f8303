#include "gradcam/explain/xgrad_cam.h"

#include <cmath>
#include <vector>

#include "gradcam/explain/channels.h"

namespace gradcam {

Result<Tensor> xgrad_cam(const Tensor& activation, const Tensor& gradient) {
  GRADCAM_CHECK_OK(check_cam_inputs(activation, gradient));
  const std::size_t channels = activation.dim(2);
  std::vector<double> products(channels);
  std::vector<double> sums(channels);
  for (std::size_t i = 0; i < activation.size(); ++i) {
    const double a = activation.data()[i];
    products[i % channels] += a * gradient.data()[i];
    sums[i % channels] += a;
  }
  std::vector<float> alpha(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const bool is_silent = sums[c] == 0 && !std::isnan(products[c]);
    alpha[c] = is_silent ? 0 : static_cast<float>(products[c] / sums[c]);
  }
  return weighted_channels(activation, alpha);
}

}  // namespace gradcam
