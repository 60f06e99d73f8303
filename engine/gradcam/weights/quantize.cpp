#include "gradcam/weights/quantize.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gradcam/tensor/int4.h"

namespace gradcam {
namespace {

/// To the nearest whole number, ties to even, of what is far below 2^51.
double round_to_even(double x) {
  constexpr double kMagic = 0x1.8p52;
  return (x + kMagic) - kMagic;
}

/// Rounds a row as the header says: set(i, q) takes the result for weight i, a number of steps of
/// scale(i), at least `min` and at most `max`.
template <class Scale, class Set>
void round_row(std::span<const float> row, std::size_t channels, double min, double max,
               Scale scale, Set set) {
  std::vector<double> error(channels);  // of each channel's weights so far
  const std::size_t positions = row.size() / channels;
  for (std::size_t p = 0; p < positions; ++p) {
    const double share = 1.0 / static_cast<double>(positions - p);
    for (std::size_t c = 0; c < channels; ++c) {
      const std::size_t i = p * channels + c;
      const double step = double{scale(i)};
      const double wanted = (row[i] - error[c] * share) / step;
      const double q = round_to_even(std::clamp(wanted, min, max));
      error[c] += q * step - row[i];
      set(i, static_cast<int>(q));
    }
  }
}

float magnitude(float w) { return std::abs(w); }

/// The step of weights whose extreme is `steps` steps.
float step_of(float extreme, float steps) {
  const float step = extreme / steps;
  if (!std::isnormal(step)) return 1;
  return std::isfinite(step * steps) ? step : std::nextafter(step, 0.0f);
}

}  // namespace

float quantize_int8(std::span<const float> row, std::size_t channels, std::span<std::int8_t> q) {
  constexpr float kSteps = 127;
  if (row.empty()) return 1;
  const float step = step_of(std::abs(*std::ranges::max_element(row, {}, magnitude)), kSteps);
  round_row(
      row, channels, -kSteps, kSteps, [step](std::size_t) { return step; },
      [q](std::size_t i, int value) { q[i] = static_cast<std::int8_t>(value); });
  return step;
}

void quantize_int4(std::span<const float> row, std::size_t channels, std::span<std::uint8_t> q,
                   std::span<float> scales) {
  for (std::size_t g = 0; g < scales.size(); ++g) {
    const std::size_t begin = g * kInt4Group;
    const auto group = row.subspan(begin, std::min(kInt4Group, row.size() - begin));
    scales[g] = step_of(*std::ranges::max_element(group, {}, magnitude), kInt4Min);
  }
  std::ranges::fill(q, std::uint8_t{0});
  round_row(
      row, channels, kInt4Min, kInt4Max, [scales](std::size_t i) { return scales[i / kInt4Group]; },
      [q](std::size_t i, int value) { set_int4(q.data(), i, value); });
}

void dequantize_int8(std::span<const std::int8_t> q, float scale, std::span<float> out) {
  std::ranges::transform(q, out.begin(),
                         [scale](std::int8_t value) { return scale * static_cast<float>(value); });
}

void dequantize_int4(std::span<const std::uint8_t> q, std::span<const float> scales,
                     std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = scales[i / kInt4Group] * static_cast<float>(int4_at(q.data(), i));
  }
}

}  // namespace gradcam
