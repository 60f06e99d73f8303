#include "gradcam/explain/elementwise_cam.h"

#include <algorithm>

#include "gradcam/explain/channels.h"

namespace gradcam {

Result<Tensor> elementwise_cam(const Tensor& activation, const Tensor& gradient) {
  return elementwise_contributions(activation, gradient,
                                   [](float g, float a) { return std::max(0.0f, g * a); });
}

}  // namespace gradcam
