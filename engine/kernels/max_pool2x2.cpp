#include "kernels/max_pool2x2.h"

#include <algorithm>

#include "kernels/simd.h"

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

}  // namespace gradcam
