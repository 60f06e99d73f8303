#include "explain/elementwise_cam.h"

#include <algorithm>

#include "explain/elementwise_map.h"

namespace gradcam {

Result<Heatmap> elementwise_cam(const Tensor& activation, const Tensor& gradient) {
  return elementwise_map(activation, gradient,
                         [](double g, double a) { return std::max(0.0, g * a); });
}

}  // namespace gradcam
