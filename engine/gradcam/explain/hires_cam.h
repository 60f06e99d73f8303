#pragma once

#include "gradcam/tensor/tensor.h"

namespace gradcam {

/// HiResCAM: Draelos and Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of
/// convolutional neural networks", 2020 (arXiv 2011.08891): ReLU(sum_k g_k * A_k), elementwise, so
/// that a cell shows what that cell contributed, not what its channel contributes on average.
/// What each channel adds, before the ReLU. activation A and gradient g = dY/dA of the class's
/// logit Y: [H, W, C].
Result<Tensor> hires_cam(const Tensor& activation, const Tensor& gradient);

}  // namespace gradcam
