#include "gradcam/kernels/max_pool2x2.h"

#include <algorithm>

#include "gradcam/kernels/simd.h"

namespace gradcam {

void max_pool2x2(const float* input, std::size_t height, std::size_t width, std::size_t channels,
                 float* output) {
  for (std::size_t y = 0; y + 2 <= height; y += 2) {
    for (std::size_t x = 0; x + 2 <= width; x += 2) {
      const float* upper = input + (y * width + x) * channels;
      const float* lower = upper + width * channels;
      std::size_t c = 0;
      for (; c + simd::kLanes <= channels; c += simd::kLanes) {
        const auto top = simd::max(simd::load(upper + c), simd::load(upper + channels + c));
        const auto bottom = simd::max(simd::load(lower + c), simd::load(lower + channels + c));
        simd::store(output + c, simd::max(top, bottom));
      }
      for (; c < channels; ++c) {
        output[c] = std::max(std::max(upper[c], upper[channels + c]),
                             std::max(lower[c], lower[channels + c]));
      }
      output += channels;
    }
  }
}

namespace {

/// One window of as many channels; 0: upper left, 1: upper right, 2: lower left, 3: lower right.
/// Without a branch, so that compilers make vectors of it.
template <bool kThroughRelu>
void window_backward(const float* __restrict x0, const float* __restrict x1,
                     const float* __restrict x2, const float* __restrict x3, std::size_t channels,
                     const float* __restrict gradient, float* __restrict y0, float* __restrict y1,
                     float* __restrict y2, float* __restrict y3) {
  for (std::size_t c = 0; c < channels; ++c) {
    const float upper = x1[c] > x0[c] ? x1[c] : x0[c];
    const float lower = x3[c] > x2[c] ? x3[c] : x2[c];
    const float largest = lower > upper ? lower : upper;
    const float passed = !kThroughRelu || largest > 0.0f ? gradient[c] : 0.0f;
    const float to_lower = lower > upper ? passed : 0.0f;
    const float to_upper = lower > upper ? 0.0f : passed;
    y0[c] = x1[c] > x0[c] ? 0.0f : to_upper;
    y1[c] = x1[c] > x0[c] ? to_upper : 0.0f;
    y2[c] = x3[c] > x2[c] ? 0.0f : to_lower;
    y3[c] = x3[c] > x2[c] ? to_lower : 0.0f;
  }
}

template <bool kThroughRelu>
void backward(const float* input, std::size_t height, std::size_t width, std::size_t channels,
              const float* gradient, float* result) {
  const std::size_t row = width * channels;
  for (std::size_t y = 0; y + 2 <= height; y += 2) {
    for (std::size_t x = 0; x + 2 <= width; x += 2) {
      const std::size_t corner = (y * width + x) * channels;
      const float* from = input + corner;
      float* to = result + corner;
      window_backward<kThroughRelu>(from, from + channels, from + row, from + row + channels,
                                    channels, gradient, to, to + channels, to + row,
                                    to + row + channels);
      gradient += channels;
    }
    if (width % 2 == 1) {
      std::fill_n(result + (y + 1) * row - channels, channels, 0.0f);
      std::fill_n(result + (y + 2) * row - channels, channels, 0.0f);
    }
  }
  if (height % 2 == 1) std::fill_n(result + (height - 1) * row, row, 0.0f);
}

}  // namespace

void max_pool2x2_backward(const float* input, std::size_t height, std::size_t width,
                          std::size_t channels, const float* gradient, float* result,
                          bool through_relu) {
  const auto run = through_relu ? backward<true> : backward<false>;
  run(input, height, width, channels, gradient, result);
}

}  // namespace gradcam
