#include "gradcam/explain/evidence.h"

#include <algorithm>
#include <cmath>

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

}  // namespace gradcam
