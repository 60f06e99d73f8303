#pragma once

#include "gradcam/tensor/tensor.h"

namespace gradcam {

/// XGrad-CAM: Fu et al., "Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of
/// CNNs", 2020 (arXiv 2008.02312): w_k = sum(g_k * A_k) / sum(A_k) over positions, 0 for a silent
/// channel, then ReLU(sum_k w_k A_k).
/// Gives w_k A_k, [H, W, C]. activation A and gradient g = dY/dA of the class's logit Y: [H, W, C].
Result<Tensor> xgrad_cam(const Tensor& activation, const Tensor& gradient);

}  // namespace gradcam
