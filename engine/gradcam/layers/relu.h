#pragma once

#include <cstddef>
#include <span>

#include "gradcam/tensor/tensor.h"

namespace gradcam {

/// y = max(0, x), in place.
void relu_forward(std::span<float> values);

/// What a ReLU lets through on the way back.
enum class ReluRule {
  kGradient,  ///< the gradient, where the input was positive
  kGuided,    ///< of that only what is positive: Springenberg et al., "Striving for Simplicity: The
              ///< All Convolutional Net", 2015 (arXiv 1412.6806)
};

/// dY/dx = dY/dy where y > 0, else 0: in place on `gradient`, given the layer's output y. As in
/// PyTorch, the slope at 0 is 0.
void relu_backward(std::span<const float> output, std::span<float> gradient,
                   ReluRule rule = ReluRule::kGradient);

/// How much more max(0, y) would be without each of some parts that y is the sum of. parts: [n, k +
/// 1], in each row some parts and y (see Dense::forward_by_channels); `without`: which of them are
/// taken away, one at a time; [n, as many].
Result<Tensor> relu_changes(const Tensor& parts, std::span<const std::size_t> without);

}  // namespace gradcam
