#include "explain/ablation_cam.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "explain/channels.h"

namespace gradcam {
namespace {

bool is_silent(const Tensor& map, std::size_t channel) {
  for (std::size_t i = channel; i < map.size(); i += map.dim(2)) {
    if (map.data()[i] != 0.0f) return false;
  }
  return true;
}

/// The logits without each channel of the layer and, in the last row, with all: [C + 1, classes].
/// That row is computed like the others, so that their rounding falls out of the differences.
Result<Tensor> ablated_logits(const ExplainContext& context) {
  const Vgg16& model = context.model;
  if (context.layer >= kBlock5Conv3) {
    GRADCAM_TRY(Tensor fc1, model.fc1_without_channels(context.activations.block5_pool));
    return model.logits_from_fc1(std::move(fc1));
  }
  const Tensor& map = context.activation();
  const std::size_t channels = map.dim(2);
  GRADCAM_TRY(Activations scratch, model.make_activations());
  GRADCAM_TRY(Tensor changed, map.clone());
  GRADCAM_TRY(Tensor logits, Tensor::zeros({channels + 1, model.classes()}));
  const auto run = [&](std::size_t row) -> Result<void> {
    GRADCAM_CHECK_OK(model.forward_from(context.layer, changed, scratch));
    std::ranges::copy(scratch.logits.values(), logits.data() + row * model.classes());
    return {};
  };
  GRADCAM_CHECK_OK(run(channels));
  const float* whole = logits.data() + channels * model.classes();
  for (std::size_t k = 0; k < channels; ++k) {
    GRADCAM_CHECK_OK(context.report(k, channels));
    if (is_silent(map, k)) {
      std::copy_n(whole, model.classes(), logits.data() + k * model.classes());
      continue;
    }
    for (std::size_t i = k; i < map.size(); i += channels) changed.data()[i] = 0.0f;
    GRADCAM_CHECK_OK(run(k));
    for (std::size_t i = k; i < map.size(); i += channels) changed.data()[i] = map.data()[i];
  }
  return logits;
}

}  // namespace

Result<std::vector<Heatmap>> ablation_cam(const ExplainContext& context,
                                          std::span<const std::size_t> classes) {
  GRADCAM_TRY(const Tensor seeds, context.model.class_seeds(classes));
  GRADCAM_TRY(const Tensor logits, ablated_logits(context));
  const std::size_t channels = context.activation().dim(2);
  const std::size_t width = logits.dim(1);
  std::vector<Heatmap> maps;
  for (const std::size_t c : classes) {
    const float whole = logits.data()[channels * width + c];
    std::vector<float> weights(channels);
    for (std::size_t k = 0; k < channels; ++k) {
      weights[k] = (whole - logits.data()[k * width + c]) / (whole == 0 ? 1 : std::abs(whole));
    }
    GRADCAM_TRY(Heatmap map, combine_weighted(context, weights));
    maps.push_back(std::move(map));
  }
  return maps;
}

}  // namespace gradcam
