#pragma once

#include <memory>

#include "gradcam/kernels/conv3x3.h"
#include "gradcam/tensor/tensor.h"

namespace gradcam {

/// Runs a convolution on x [H, W, I]. y [H, W, O], or its 2x2-pooled half, is allocated by the
/// caller, and so is the workspace, of at least conv.workspace_floats(H, W) floats.
Result<void> conv2d_forward(const Conv3x3& conv, const Tensor& x, Tensor& y, Tensor& workspace);

/// y [H, W, O] as it is before the pooling. The workspace is replaced if it is too small.
Result<Tensor> conv2d_forward_unpooled(const Conv3x3& conv, const Tensor& x, Tensor& workspace);

/// The data gradient of a 3x3 convolution with stride 1 and padding 1 is such a convolution again,
/// with the kernel turned by 180 degrees and its channels swapped; so the forward kernels compute
/// it. This packs it, for the convolution that `conv` is before its bias, ReLU and pooling. For a
/// strip of rows it takes the gradient's rows above and below it, where there are any.
Result<std::unique_ptr<Conv3x3>> conv2d_transpose(ConvAlgorithm algorithm, const Conv3x3& conv);

/// dY/dx [H, W, I] from dY/dy [H, W, O], where `transpose` is the packed data gradient. The
/// workspace is replaced if it is too small.
Result<Tensor> conv2d_backward(const Conv3x3& transpose, const Tensor& gradient, Tensor& workspace);

}  // namespace gradcam
