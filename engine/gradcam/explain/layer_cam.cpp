#include "gradcam/explain/layer_cam.h"

#include <algorithm>

#include "gradcam/explain/channels.h"

namespace gradcam {

Result<Tensor> layer_cam(const Tensor& activation, const Tensor& gradient) {
  // In this order the maximum keeps what is no number.
  return elementwise_contributions(activation, gradient,
                                   [](float g, float a) { return std::max(g, 0.0f) * a; });
}

}  // namespace gradcam
