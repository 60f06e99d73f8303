#include "gradcam/explain/ablation_cam.h"

#include <cmath>
#include <utility>
#include <vector>

#include "gradcam/explain/channels.h"

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
                                               const Tensor& drops, std::span<const float> scores) {
  std::vector<Heatmap> maps;
  const float* drop = drops.data();
  for (const float score : scores) {
    std::vector<float> weights(layer.activation.dim(2));
    for (const std::size_t channel : channels) {
      weights[channel] = *drop++ / (score == 0 ? 1 : std::abs(score));
    }
    GRADCAM_TRY(Heatmap map, combine_weighted(layer, weights));
    maps.push_back(std::move(map));
  }
  return maps;
}

Result<MapPlan> ablation_cam(const PassContext& context, std::span<const std::size_t> classes) {
  GRADCAM_CHECK_OK(context.model.check_classes(classes));
  const std::vector<std::size_t> wanted(classes.begin(), classes.end());
  const std::vector<std::size_t> ablated = audible_channels(context.view.activation);
  const auto start = [=](std::size_t pass) -> Result<Tensor> {
    GRADCAM_TRY(Tensor map, context.view.activation.clone());
    if (pass < ablated.size()) {
      for (std::size_t i = ablated[pass]; i < map.size(); i += map.dim(2)) map.data()[i] = 0.0f;
    }
    return map;
  };
  // The last pass, of all channels, is computed like the others, so that their rounding falls out
  // of the differences.
  const auto maps = [=](const Tensor& logits) -> Result<std::vector<Heatmap>> {
    GRADCAM_TRY(Tensor drops, Tensor::zeros({wanted.size(), ablated.size()}));
    const auto row = [&](std::size_t pass) {
      return logits.values().subspan(pass * logits.dim(1), logits.dim(1));
    };
    std::vector<float> whole;
    for (const std::size_t c : wanted) whole.push_back(row(ablated.size())[c]);
    for (std::size_t i = 0; i < ablated.size(); ++i) {
      for (std::size_t c = 0; c < wanted.size(); ++c) {
        drops.data()[c * ablated.size() + i] = whole[c] - row(i)[wanted[c]];
      }
    }
    return ablation_cam_maps(context.view, ablated, drops, whole);
  };
  return MapPlan{.passes = {.count = ablated.size() + 1, .from = context.layer, .start = start},
                 .outcome = maps};
}

}  // namespace gradcam
