#pragma once

#include "gradcam/tensor/tensor.h"

namespace gradcam {

/// Element-wise Grad-CAM, as pytorch-grad-cam names it: sum_k ReLU(g_k * A_k), elementwise;
/// HiResCAM without the evidence against the class. activation A and gradient g = dY/dA of the
/// class's logit Y: [H, W, C].
Result<Tensor> elementwise_cam(const Tensor& activation, const Tensor& gradient);

}  // namespace gradcam
