#pragma once

#include "gradcam/explain/cam.h"
#include "gradcam/explain/heatmap.h"

namespace gradcam {

/// EigenGrad-CAM, which has no paper but pytorch-grad-cam's code: the first principal component of
/// g * A, elementwise, for the gradient g = dY/dA of the class's logit. As there, channels are
/// centred; unlike there, the sign is settled (see `first_component`).
Result<Heatmap> eigen_grad_cam_map(const LayerView& layer, const Tensor& gradient);

inline constexpr Cam kEigenGradCam = {.map = eigen_grad_cam_map, .gradient = GradientUse::kFactor};

}  // namespace gradcam
