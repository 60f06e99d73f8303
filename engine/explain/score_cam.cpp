#include "explain/score_cam.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "explain/channels.h"

namespace gradcam {
namespace {

/// The channels to try, those that vary most first.
std::vector<std::size_t> strongest_channels(const Tensor& map, std::size_t count) {
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
    variances[k] = squares[k] - sums[k] * sums[k] / positions;
  }
  std::vector<std::size_t> order(channels);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t k) { return std::pair(-variances[k], k); });
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

Result<std::vector<Heatmap>> score_cam(const ExplainContext& context,
                                       std::span<const std::size_t> classes) {
  GRADCAM_TRY(const Tensor seeds, context.model.class_seeds(classes));
  const Tensor& map = context.activation();
  const Tensor& input = context.input;
  const std::vector<std::size_t> tried = strongest_channels(map, context.channels);
  GRADCAM_TRY(Activations scratch, context.model.make_activations());
  GRADCAM_TRY(Tensor masked, Tensor::zeros(input.shape()));
  std::vector<std::vector<double>> scores(classes.size());  // by class and channel tried
  for (std::size_t i = 0; i < tried.size(); ++i) {
    GRADCAM_CHECK_OK(context.report(i, tried.size()));
    const std::vector<float> mask =
        enlarge(scaled_channel(map, tried[i]), input.dim(0), input.dim(1));
    for (std::size_t j = 0; j < input.size(); ++j) {
      masked.data()[j] = input.data()[j] * mask[j / input.dim(2)];
    }
    GRADCAM_CHECK_OK(context.model.forward(masked, scratch));
    for (std::size_t row = 0; row < classes.size(); ++row) {
      scores[row].push_back(double{scratch.logits.data()[classes[row]]});
    }
  }
  std::vector<Heatmap> maps;
  for (std::vector<double>& logits : scores) {
    const double largest = std::ranges::max(logits);
    double sum = 0;
    for (double& logit : logits) sum += logit = std::exp(logit - largest);
    std::vector<float> weights(map.dim(2));
    for (std::size_t i = 0; i < tried.size(); ++i) {
      weights[tried[i]] = static_cast<float>(logits[i] / sum);
    }
    GRADCAM_TRY(Heatmap one, combine_weighted(context, weights));
    maps.push_back(std::move(one));
  }
  return maps;
}

}  // namespace gradcam
