#include "gradcam/explain/hires_cam.h"

#include "gradcam/explain/channels.h"

namespace gradcam {

Result<Tensor> hires_cam(const Tensor& activation, const Tensor& gradient) {
  return elementwise_contributions(activation, gradient, [](float g, float a) { return g * a; });
}

}  // namespace gradcam
