#include "kernels/weighted_sum.h"

#include "kernels/simd.h"

namespace gradcam {

void weighted_sums(const float* map, std::size_t positions, std::size_t channels,
                   const float* weights, double* sums) {
  for (std::size_t p = 0; p < positions; ++p) {
    double sum = 0;
    for (std::size_t k = 0; k < channels; ++k) sum += double{weights[k]} * *map++;
    sums[p] = sum;
  }
}

void channel_products(const float* a, const float* b, std::size_t positions, std::size_t channels,
                      float* sums) {
  using simd::F32x4;
  std::size_t k = 0;
  for (; k + 2 * simd::kLanes <= channels; k += 2 * simd::kLanes) {
    F32x4 first = {};
    F32x4 second = {};
    for (std::size_t i = k; i < positions * channels; i += channels) {
      first = simd::madd(simd::load(a + i), simd::load(b + i), first);
      second =
          simd::madd(simd::load(a + i + simd::kLanes), simd::load(b + i + simd::kLanes), second);
    }
    simd::store(sums + k, first);
    simd::store(sums + k + simd::kLanes, second);
  }
  for (; k < channels; ++k) {
    sums[k] = 0;
    for (std::size_t i = k; i < positions * channels; i += channels) sums[k] += a[i] * b[i];
  }
}

}  // namespace gradcam
