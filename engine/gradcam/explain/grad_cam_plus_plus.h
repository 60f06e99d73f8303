#pragma once

#include "gradcam/tensor/tensor.h"

namespace gradcam {

/// Grad-CAM++: Chattopadhay et al., "Grad-CAM++: Generalized Gradient-based Visual Explanations for
/// Deep Convolutional Networks", 2018 (arXiv 1710.11063), with Y as the exponent of the class
/// score:
///   a = g^2 / (2 g^2 + sum(A_k) g^3),  w_k = sum(a * ReLU(g_k)),  ReLU(sum_k w_k A_k)
/// where sums go over positions. a is 0 where its denominator is; pytorch-grad-cam adds 1e-6 to the
/// denominator instead, which flattens a wherever gradients are below 1e-3, as they usually are.
/// Gives w_k A_k, [H, W, C]. activation A and gradient g = dY/dA of the class's logit Y: [H, W, C].
Result<Tensor> grad_cam_plus_plus(const Tensor& activation, const Tensor& gradient);

}  // namespace gradcam
