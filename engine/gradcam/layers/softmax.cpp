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

void softmax_backward(std::span<const float> logits, float temperature, std::size_t c,
                      std::span<float> gradient) {
  const double scale = 1 / double{temperature};
  const double all = log_sum_exp(logits, scale);
  const auto p = [&](std::size_t i) { return std::exp(double{logits[i]} * scale - all); };
  const double own = p(c);
  // Of a class that is all but certain, 1 - p would be rounded away, in float and in double.
  double others = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) others += i == c ? 0 : p(i);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    gradient[i] = static_cast<float>(own * (i == c ? others : -p(i)) * scale);
  }
}

double cross_entropy(std::span<const float> logits, std::size_t truth, std::span<float> gradient) {
  const double all = log_sum_exp(logits);
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const double probability = std::exp(double{logits[i]} - all);
    gradient[i] = static_cast<float>(probability - (i == truth ? 1.0 : 0.0));
  }
  return all - double{logits[truth]};
}

}  // namespace gradcam
