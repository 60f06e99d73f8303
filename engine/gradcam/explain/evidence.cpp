#include "gradcam/explain/evidence.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "gradcam/kernels/weighted_sum.h"

namespace gradcam {
namespace {

/// alpha_k sum_ij A_k of each channel.
std::vector<double> totals(const Tensor& activation, std::span<const float> alpha) {
  std::vector<double> sums(alpha.size());
  const std::span<const float> values = activation.values();
  for (std::size_t i = 0; i < values.size(); ++i) sums[i % alpha.size()] += double{values[i]};
  for (std::size_t k = 0; k < alpha.size(); ++k) sums[k] *= double{alpha[k]};
  return sums;
}

/// sum_k alpha_k A_k.
std::vector<float> weighted(const Tensor& activation, std::span<const float> alpha) {
  std::vector<double> sums(activation.dim(0) * activation.dim(1));
  weighted_sums(activation.data(), sums.size(), alpha.size(), alpha.data(), sums.data());
  return {sums.begin(), sums.end()};
}

}  // namespace

Evidence take_apart(const Tensor& activation, std::span<const float> alpha, std::size_t count_for,
                    std::size_t count_against) {
  std::vector<double> left = totals(activation, alpha);
  double total = 0;
  for (const double part : left) total += std::abs(part);
  const auto share = [total](double part) {
    return total > 0 ? static_cast<float>(part / total) : 0.0f;
  };
  std::vector<float> alpha_of_others(alpha.begin(), alpha.end());
  Evidence evidence;
  // The strongest again and again, which takes less code than sorting all.
  const auto take = [&](std::size_t count, double sign) {
    const auto strength = [sign](double part) { return sign * part; };
    for (; count > 0; --count) {
      const auto strongest = std::ranges::max_element(left, {}, strength);
      if (!(strength(*strongest) > 0)) return;
      const auto k = static_cast<std::size_t>(strongest - left.begin());
      evidence.channels.push_back({k, alpha[k], share(*strongest)});
      alpha_of_others[k] = 0;
      *strongest = 0;
    }
  };
  take(count_for, 1);
  take(count_against, -1);
  double others = 0;
  for (const double part : left) others += part;
  evidence.others_share = share(others);
  evidence.others = weighted(activation, alpha_of_others);
  evidence.sum = weighted(activation, alpha);
  return evidence;
}

}  // namespace gradcam
