#include "explain/evidence.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace gradcam {

std::vector<ChannelPart> strongest_channels(const Tensor& activation, std::span<const float> alpha,
                                            std::size_t count) {
  const std::size_t channels = alpha.size();
  std::vector<double> mass(channels, 0.0);
  const std::span<const float> values = activation.values();
  for (std::size_t i = 0; i < values.size(); ++i) mass[i % channels] += double{values[i]};
  std::vector<ChannelPart> parts;
  double total = 0;
  for (std::size_t k = 0; k < channels; ++k) {
    const double part = double{alpha[k]} * mass[k];
    total += std::abs(part);
    if (part > 0) parts.push_back({k, alpha[k], static_cast<float>(part)});
  }
  // A selection of the few strongest, which takes less code than sorting all.
  count = std::min(count, parts.size());
  for (std::size_t i = 0; i < count; ++i) {
    const auto rest = parts.begin() + static_cast<std::ptrdiff_t>(i);
    std::iter_swap(rest, std::ranges::max_element(rest, parts.end(), {}, &ChannelPart::share));
  }
  parts.resize(count);
  for (ChannelPart& part : parts) part.share = static_cast<float>(double{part.share} / total);
  return parts;
}

Result<Covered> classify_covered(const Vgg16& model, const Tensor& input, const Heatmap& map,
                                 std::size_t class_index) {
  if (class_index >= model.classes()) {
    return fail(ErrorCode::kInvalidArgument, "there is no class " + std::to_string(class_index));
  }
  GRADCAM_TRY(Tensor covered, Tensor::zeros(input.shape()));
  std::ranges::copy(input.values(), covered.values().begin());
  const std::size_t channels = input.dim(2);
  const std::vector<float> heat = enlarge(map, input.dim(0), input.dim(1));
  std::size_t hot = 0;
  for (std::size_t pixel = 0; pixel < heat.size(); ++pixel) {
    if (heat[pixel] < 0.5f) continue;
    ++hot;
    // The input is normalised: zero is the mean colour.
    std::ranges::fill(covered.values().subspan(pixel * channels, channels), 0.0f);
  }
  GRADCAM_TRY(Activations activations, model.make_activations());
  GRADCAM_CHECK_OK(model.forward(covered, activations));
  const std::vector<Prediction> predictions = model.predictions(activations);
  const auto of_class = std::ranges::find(predictions, class_index, &Prediction::index);
  return Covered{.area = static_cast<float>(hot) / static_cast<float>(heat.size()),
                 .probability = of_class->probability};
}

}  // namespace gradcam
