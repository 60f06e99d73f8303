#pragma once

#include <span>

namespace gradcam {

/// y = max(0, x), in place.
void relu_forward(std::span<float> values);

/// dY/dx = dY/dy where y > 0, else 0: in place on `gradient`, given the layer's output y. As in
/// PyTorch, the slope at 0 is 0.
void relu_backward(std::span<const float> output, std::span<float> gradient);

}  // namespace gradcam
