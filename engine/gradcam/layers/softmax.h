#pragma once

#include <cstddef>
#include <span>

namespace gradcam {

/// log(sum(exp(scale * logits))) of at least one logit, for a scale above 0; nothing overflows.
double log_sum_exp(std::span<const float> logits, double scale = 1);

/// p = softmax(logits / temperature); nothing overflows. Both spans have one value for each class;
/// they may be the same memory.
void softmax_forward(std::span<const float> logits, float temperature,
                     std::span<float> probabilities);

/// The gradient of the probability of class c, of p = softmax(logits / temperature), by the logits:
/// p_c (onehot(c) - p) / temperature. Both spans have one value for each class.
void softmax_backward(std::span<const float> logits, float temperature, std::size_t c,
                      std::span<float> gradient);

/// The loss of a classifier for one sample, -log softmax(logits)[truth], and its gradient by the
/// logits, softmax(logits) - onehot(truth). Both spans have one value for each class, of which
/// `truth` is one; they may not be the same memory. An empty gradient is not computed.
double cross_entropy(std::span<const float> logits, std::size_t truth, std::span<float> gradient);

}  // namespace gradcam
