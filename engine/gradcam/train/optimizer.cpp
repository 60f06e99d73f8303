#include "gradcam/train/optimizer.h"

#include <cmath>
#include <cstddef>
#include <numbers>

namespace gradcam {
namespace {

void sgd_step(const OptimizerOptions& options, float rate, std::span<const float> gradient,
              std::span<float> weights, std::span<float> velocity) {
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const float g = gradient[i] + options.weight_decay * weights[i];
    velocity[i] = options.momentum * velocity[i] + g;
    weights[i] -= rate * velocity[i];
  }
}

void adam_step(const OptimizerOptions& options, double learning_rate, std::uint64_t step,
               std::span<const float> gradient, std::span<float> weights, std::span<float> first,
               std::span<float> second) {
  const auto power = static_cast<double>(step + 1);
  const double correction1 = 1 - std::pow(double{options.beta1}, power);
  const double correction2 = 1 - std::pow(double{options.beta2}, power);
  const auto rate = static_cast<float>(learning_rate / correction1);
  const auto root = static_cast<float>(1 / std::sqrt(correction2));
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const float g = gradient[i] + options.weight_decay * weights[i];
    first[i] = options.beta1 * first[i] + (1 - options.beta1) * g;
    second[i] = options.beta2 * second[i] + (1 - options.beta2) * g * g;
    weights[i] -= rate * first[i] / (std::sqrt(second[i]) * root + options.epsilon);
  }
}

}  // namespace

void optimizer_step(const OptimizerOptions& options, double learning_rate, std::uint64_t step,
                    std::span<const float> gradient, std::span<float> weights,
                    std::span<float> first, std::span<float> second) {
  if (options.algorithm == Algorithm::kSgd) {
    sgd_step(options, static_cast<float>(learning_rate), gradient, weights, first);
  } else {
    adam_step(options, learning_rate, step, gradient, weights, first, second);
  }
}

double cosine_schedule(double learning_rate, std::uint64_t step, std::uint64_t steps) {
  if (step >= steps) return 0;
  const double progress = static_cast<double>(step) / static_cast<double>(steps);
  return learning_rate * (1 + std::cos(std::numbers::pi * progress)) / 2;
}

}  // namespace gradcam
