#include "gradcam/layers/softmax.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace gradcam {

void softmax_forward(std::span<const float> logits, float temperature,
                     std::span<float> probabilities) {
  if (logits.empty()) return;
  const float largest = std::ranges::max(logits);
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double value = std::exp(double{logits[i] - largest} / temperature);
    probabilities[i] = static_cast<float>(value);
    sum += value;
  }
  for (float& p : probabilities) p = static_cast<float>(p / sum);
}

void softmax_backward(std::span<const float> probabilities, std::span<float> gradient) {
  double mean = 0;
  for (std::size_t i = 0; i < gradient.size(); ++i) mean += double{probabilities[i]} * gradient[i];
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    gradient[i] = static_cast<float>(probabilities[i] * (gradient[i] - mean));
  }
}

double cross_entropy(std::span<const float> logits, std::size_t truth, std::span<float> gradient) {
  const double largest = double{std::ranges::max(logits)};
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - largest);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double probability = std::exp(double{logits[i]} - largest) / sum;
    gradient[i] = static_cast<float>(probability - (i == truth ? 1.0 : 0.0));
  }
  return std::log(sum) - (double{logits[truth]} - largest);
}

}  // namespace gradcam
