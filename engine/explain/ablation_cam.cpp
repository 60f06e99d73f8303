#include "explain/ablation_cam.h"

#include <cmath>
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

}  // namespace

std::vector<std::size_t> audible_channels(const Tensor& map) {
  std::vector<std::size_t> channels;
  for (std::size_t k = 0; k < map.dim(2); ++k) {
    if (!is_silent(map, k)) channels.push_back(k);
  }
  return channels;
}

Result<std::vector<Heatmap>> ablation_cam_maps(const LayerView& layer,
                                               std::span<const std::size_t> channels,
                                               const Tensor& logits,
                                               std::span<const std::size_t> classes) {
  std::vector<Heatmap> maps;
  const std::size_t width = logits.dim(1);
  for (const std::size_t c : classes) {
    const float whole = logits.data()[channels.size() * width + c];
    std::vector<float> weights(layer.activation.dim(2));
    for (std::size_t i = 0; i < channels.size(); ++i) {
      weights[channels[i]] =
          (whole - logits.data()[i * width + c]) / (whole == 0 ? 1 : std::abs(whole));
    }
    GRADCAM_TRY(Heatmap map, combine_weighted(layer, weights));
    maps.push_back(std::move(map));
  }
  return maps;
}

Result<PassPlan> ablation_cam(const ExplainContext& context, std::span<const std::size_t> classes) {
  GRADCAM_TRY(const Tensor seeds, context.model.class_seeds(classes));
  const std::vector<std::size_t> wanted(classes.begin(), classes.end());
  if (context.layer >= kBlock5Conv3) {
    return PassPlan{.maps = [=](const Tensor&) -> Result<std::vector<Heatmap>> {
      const Tensor& pool = context.activations.block5_pool;
      const std::vector<std::size_t> channels = audible_channels(pool);
      GRADCAM_TRY(Tensor fc1, context.model.fc1_without_channels(pool, channels));
      GRADCAM_TRY(const Tensor logits, context.model.logits_from_fc1(std::move(fc1)));
      return ablation_cam_maps(context.view(), channels, logits, wanted);
    }};
  }
  const std::vector<std::size_t> ablated = audible_channels(context.activation());
  const auto run = [=](std::size_t pass, Activations& scratch) -> Result<void> {
    GRADCAM_TRY(Tensor map, context.activation().clone());
    if (pass < ablated.size()) {
      for (std::size_t i = ablated[pass]; i < map.size(); i += map.dim(2)) map.data()[i] = 0.0f;
    }
    return context.model.forward_from(context.layer, map, scratch);
  };
  const auto maps = [=](const Tensor& logits) {
    return ablation_cam_maps(context.view(), ablated, logits, wanted);
  };
  return PassPlan{.passes = ablated.size() + 1, .run = run, .maps = maps};
}

}  // namespace gradcam
