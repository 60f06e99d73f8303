#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace gradcam {

enum class Algorithm { kSgd, kAdam };

/// As in PyTorch: weight decay is added to the gradient, for biases too.
struct OptimizerOptions {
  Algorithm algorithm = Algorithm::kSgd;
  float weight_decay = 0;
  float momentum = 0.9f;               ///< SGD only
  float beta1 = 0.9f, beta2 = 0.999f;  ///< Adam only
  float epsilon = 1e-8f;               ///< Adam only
};

/// Numbers that the algorithm keeps for each weight: 1 or 2.
inline std::size_t optimizer_states(Algorithm algorithm) {
  return algorithm == Algorithm::kSgd ? 1 : 2;
}

/// Step `step` (counted from 0) on some weights, in place. All spans have one value a weight;
/// `second` may be empty for SGD. The states begin at zero.
///
/// SGD with momentum: v = momentum v + g, w -= lr v. Adam: Kingma and Ba, 2015 (arXiv 1412.6980).
void optimizer_step(const OptimizerOptions& options, double learning_rate, std::uint64_t step,
                    std::span<const float> gradient, std::span<float> weights,
                    std::span<float> first, std::span<float> second);

/// The learning rate at `step` of `steps`: from `learning_rate` down to 0 along half a cosine
/// (Loshchilov and Hutter, "SGDR", 2017, arXiv 1608.03983, without restarts).
double cosine_schedule(double learning_rate, std::uint64_t step, std::uint64_t steps);

}  // namespace gradcam
