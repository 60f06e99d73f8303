#include "explain/ablation_cam.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "explain/channels.h"

namespace gradcam {
namespace {

bool is_silent(const Tensor& map, std::size_t channel) {
  for (std::size_t i = channel; i < map.size(); i += map.dim(2)) {
    if (map.data()[i] != 0.0f) return false;
  }
  return true;
}

/// The channels of the map that are not zero everywhere.
std::vector<std::size_t> audible_channels(const Tensor& map) {
  std::vector<std::size_t> channels;
  for (std::size_t k = 0; k < map.dim(2); ++k) {
    if (!is_silent(map, k)) channels.push_back(k);
  }
  return channels;
}

}  // namespace

Result<PassPlan> ablation_cam(const ExplainContext& context, std::span<const std::size_t> classes) {
  GRADCAM_TRY(const Tensor seeds, context.model.class_seeds(classes));
  const std::size_t channels = context.activation().dim(2);
  const bool at_once = context.layer >= kBlock5Conv3;
  // The channels to switch off, one after another. The logits with all of them come last, computed
  // like the others, so that their rounding falls out of the differences.
  std::vector<std::size_t> ablated(channels);
  std::iota(ablated.begin(), ablated.end(), std::size_t{0});
  if (!at_once) ablated = audible_channels(context.activation());

  const auto run = [=](std::size_t pass, Activations& scratch) -> Result<void> {
    GRADCAM_TRY(Tensor map, context.activation().clone());
    if (pass < ablated.size()) {
      for (std::size_t i = ablated[pass]; i < map.size(); i += channels) map.data()[i] = 0.0f;
    }
    return context.model.forward_from(context.layer, map, scratch);
  };
  const std::vector<std::size_t> wanted(classes.begin(), classes.end());
  const auto maps_of = [=](const Tensor& logits) -> Result<std::vector<Heatmap>> {
    std::vector<Heatmap> maps;
    const std::size_t width = logits.dim(1);
    for (const std::size_t c : wanted) {
      const float whole = logits.data()[ablated.size() * width + c];
      std::vector<float> weights(channels);
      for (std::size_t i = 0; i < ablated.size(); ++i) {
        weights[ablated[i]] =
            (whole - logits.data()[i * width + c]) / (whole == 0 ? 1 : std::abs(whole));
      }
      GRADCAM_TRY(Heatmap map, combine_weighted(context, weights));
      maps.push_back(std::move(map));
    }
    return maps;
  };
  if (!at_once) return PassPlan{.passes = ablated.size() + 1, .run = run, .maps = maps_of};
  return PassPlan{.maps = [=](const Tensor&) -> Result<std::vector<Heatmap>> {
    GRADCAM_TRY(Tensor fc1, context.model.fc1_without_channels(context.activations.block5_pool));
    GRADCAM_TRY(const Tensor logits, context.model.logits_from_fc1(std::move(fc1)));
    return maps_of(logits);
  }};
}

}  // namespace gradcam
