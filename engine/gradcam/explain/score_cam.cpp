#include "gradcam/explain/score_cam.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "gradcam/explain/channels.h"
#include "gradcam/tensor/order.h"

namespace gradcam {
namespace {

/// The channels to try, those that vary most first.
std::vector<std::size_t> most_varied_channels(const Tensor& map, std::size_t count) {
  const std::size_t channels = map.dim(2);
  std::vector<double> sums(channels);
  std::vector<double> squares(channels);
  for (std::size_t i = 0; i < map.size(); ++i) {
    const double value = double{map.data()[i]};
    sums[i % channels] += value;
    squares[i % channels] += value * value;
  }
  const auto positions = static_cast<double>(map.dim(0) * map.dim(1));
  std::vector<double> variances(channels);
  for (std::size_t k = 0; k < channels; ++k) {
    const double variance = squares[k] - sums[k] * sums[k] / positions;
    // Of channels that overflowed nothing is known.
    variances[k] = std::isfinite(variance) ? variance : 0;
  }
  std::vector<std::size_t> order = largest_first(variances);
  if (count > 0) order.resize(std::min(count, channels));
  return order;
}

/// One channel from 0 (its minimum) to 1 (its maximum); 0 where it is the same everywhere.
Heatmap scaled_channel(const Tensor& map, std::size_t channel) {
  Heatmap scaled{.rows = map.dim(0), .cols = map.dim(1), .values = {}};
  for (std::size_t i = channel; i < map.size(); i += map.dim(2)) {
    scaled.values.push_back(map.data()[i]);
  }
  const auto [low, high] = std::ranges::minmax(scaled.values);
  for (float& value : scaled.values) value = high > low ? (value - low) / (high - low) : 0.0f;
  return scaled;
}

}  // namespace

Result<MapPlan> score_cam(const PassContext& context, std::span<const std::size_t> classes) {
  GRADCAM_CHECK_OK(context.model.check_classes(classes));
  const std::vector<std::size_t> tried =
      most_varied_channels(context.view.activation, context.channels);
  const auto start = [context, tried](std::size_t pass) -> Result<Tensor> {
    const Tensor& input = context.input;
    GRADCAM_TRY(Tensor masked, input.clone());
    const std::vector<float> mask =
        enlarge(scaled_channel(context.view.activation, tried[pass]), input.dim(0), input.dim(1));
    float* value = masked.data();
    for (const float share : mask) {
      for (std::size_t c = 0; c < input.dim(2); ++c) *value++ *= share;
    }
    return masked;
  };
  const std::vector<std::size_t> wanted(classes.begin(), classes.end());
  const auto maps = [context, tried, wanted](const Tensor& logits) -> Result<std::vector<Heatmap>> {
    std::vector<Heatmap> result;
    for (const std::size_t c : wanted) {
      std::vector<double> scores;
      for (std::size_t i = 0; i < tried.size(); ++i) {
        scores.push_back(double{logits.data()[i * logits.dim(1) + c]});
      }
      const double largest = std::ranges::max(scores);
      double sum = 0;
      for (double& score : scores) sum += score = std::exp(score - largest);
      std::vector<float> weights(context.view.activation.dim(2));
      for (std::size_t i = 0; i < tried.size(); ++i) {
        weights[tried[i]] = static_cast<float>(scores[i] / sum);
      }
      GRADCAM_TRY(Heatmap map, combine_weighted(context.view, weights));
      result.push_back(std::move(map));
    }
    return result;
  };
  return MapPlan{.passes = {.count = tried.size(), .start = start}, .outcome = maps};
}

}  // namespace gradcam
