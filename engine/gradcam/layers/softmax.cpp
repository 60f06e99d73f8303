#include "gradcam/layers/softmax.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace gradcam {

double log_sum_exp(std::span<const float> logits, double scale) {
  const double largest = double{std::ranges::max(logits)} * scale;
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} * scale - largest);
  return largest + std::log(sum);
}

void softmax_forward(std::span<const float> logits, float temperature,
                     std::span<float> probabilities) {
  if (logits.empty()) return;
  const double scale = 1 / double{temperature};
  const double all = log_sum_exp(logits, scale);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    probabilities[i] = static_cast<float>(std::exp(double{logits[i]} * scale - all));
  }
}

void softmax_backward(std::span<const float> probabilities, std::span<float> gradient) {
  double mean = 0;
  for (std::size_t i = 0; i < gradient.size(); ++i) mean += double{probabilities[i]} * gradient[i];
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    gradient[i] = static_cast<float>(probabilities[i] * (gradient[i] - mean));
  }
}

double cross_entropy(std::span<const float> logits, std::size_t truth, std::span<float> gradient) {
  const double all = log_sum_exp(logits);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double probability = std::exp(double{logits[i]} - all);
    gradient[i] = static_cast<float>(probability - (i == truth ? 1.0 : 0.0));
  }
  return all - double{logits[truth]};
}

}  // namespace gradcam
