#include "explain/hires_cam.h"

#include "explain/elementwise_map.h"

namespace gradcam {

Result<Heatmap> hires_cam(const Tensor& activation, const Tensor& gradient) {
  return elementwise_map(activation, gradient, [](double g, double a) { return g * a; });
}

}  // namespace gradcam
