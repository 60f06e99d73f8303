#pragma once

#include "gradcam/tensor/tensor.h"

namespace gradcam {

/// LayerCAM: Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for
/// Localization", 2021: ReLU(sum_k ReLU(g_k) * A_k), elementwise.
/// What each channel adds, before the ReLU. activation A and gradient g = dY/dA of the class's
/// logit Y: [H, W, C]. Maps of several layers: fuse_by_maximum.
Result<Tensor> layer_cam(const Tensor& activation, const Tensor& gradient);

}  // namespace gradcam
