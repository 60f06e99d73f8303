#pragma once

#include "gradcam/tensor/tensor.h"

namespace gradcam {

/// 2x2 max-pool with stride 2: x [H, W, C] -> y [H / 2, W / 2, C] (allocated by the caller). An odd
/// last row or column is dropped.
Result<void> max_pool_forward(const Tensor& x, Tensor& y);

/// dY/dx [H, W, C] from dY/dy [H / 2, W / 2, C] and the layer's input x. The first maximum of a
/// window, in row-major order, takes the gradient, all-zero windows included, as in PyTorch.
/// through_relu: and on through the ReLU whose output x is: all-zero windows take none.
Result<Tensor> max_pool_backward(const Tensor& x, const Tensor& gradient,
                                 bool through_relu = false);

}  // namespace gradcam
