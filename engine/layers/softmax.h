#pragma once

#include <span>

namespace gradcam {

/// p = softmax(logits / temperature); the largest logit is subtracted first, so that nothing
/// overflows. Both spans have one value for each class; they may be the same memory.
void softmax_forward(std::span<const float> logits, float temperature,
                     std::span<float> probabilities);

/// dY/dlogits = p * (dY/dp - sum(p dY/dp)) for temperature 1, in place on `gradient`.
void softmax_backward(std::span<const float> probabilities, std::span<float> gradient);

}  // namespace gradcam
