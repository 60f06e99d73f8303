#include "layers/softmax.h"

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

}  // namespace gradcam
