#pragma once

#include "kernels/conv3x3.h"
#include "tensor/tensor.h"

namespace gradcam {

/// Runs a convolution on x [H, W, I]. y [H, W, O], or its 2x2-pooled half, is allocated by the
/// caller, and so is the workspace, of at least conv.workspace_floats(H, W) floats.
Result<void> conv2d_forward(const Conv3x3& conv, const Conv3x3Spec& spec, const Tensor& x,
                            Tensor& y, Tensor& workspace);

/// dY/dx [H, W, I] from dY/dy [H, W, O], for a convolution without ReLU or pooling of the given
/// weight [O, 3, 3, I]. The data gradient of a 3x3 convolution with stride 1 and padding 1 is such
/// a convolution again, with the kernel turned by 180 degrees and its channels swapped; so the
/// forward kernels compute it.
Result<Tensor> conv2d_backward(ConvAlgorithm algorithm, const Tensor& weight,
                               const Tensor& gradient);

}  // namespace gradcam
