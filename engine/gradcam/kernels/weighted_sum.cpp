#include "gradcam/kernels/weighted_sum.h"

#include <algorithm>
#include <vector>

#include "gradcam/kernels/gemm_tile.h"
#include "gradcam/kernels/row_pitch.h"
#include "gradcam/kernels/simd.h"

namespace gradcam {

void weighted_sums(const float* map, std::size_t positions, std::size_t channels,
                   const float* weights, double* sums) {
  // Some sums beside each other, as each addition has to wait for the one before it.
  constexpr std::size_t kSums = 8;
  const std::vector<double> factors(weights, weights + channels);
  for (std::size_t p = 0; p < positions; ++p) {
    simd::F64x2 pairs[kSums / 2] = {};
    std::size_t k = 0;
    for (; k + kSums <= channels; k += kSums) {
      for (std::size_t i = 0; i < kSums / 2; ++i) {
        pairs[i] += simd::load(&factors[k + 2 * i]) * simd::load_doubles(map + k + 2 * i);
      }
    }
    for (; k < channels; ++k) pairs[0][0] += factors[k] * map[k];
    const simd::F64x2 sum = (pairs[0] + pairs[1]) + (pairs[2] + pairs[3]);
    sums[p] = sum[0] + sum[1];
    map += channels;
  }
}

namespace {

/// sums[r, k] += a[k] b[r, k], for rows of b that are `row` apart.
template <std::size_t Rows>
void add_products(const float* a, const float* b, std::size_t row, std::size_t channels,
                  float* sums) {
  std::size_t k = 0;
  for (; k + simd::kLanes <= channels; k += simd::kLanes) {
    const simd::F32x4 value = simd::load(a + k);
    for (std::size_t r = 0; r < Rows; ++r) {
      float* sum = sums + r * row_pitch(channels) + k;
      simd::store(sum, simd::madd(value, simd::load(b + r * row + k), simd::load(sum)));
    }
  }
  GRADCAM_SHORT_LOOP
  for (; k < channels; ++k) {
    GRADCAM_SHORT_LOOP
    for (std::size_t r = 0; r < Rows; ++r) {
      sums[r * row_pitch(channels) + k] += a[k] * b[r * row + k];
    }
  }
}

}  // namespace

// From the first position to the last, as the rows of b lie in memory, and some rows at a time: so
// the memory delivers them fastest.
void channel_products(const float* a, const float* b, std::size_t rows, std::size_t positions,
                      std::size_t channels, float* sums) {
  const std::size_t row = positions * channels;
  std::fill_n(sums, rows * row_pitch(channels), 0.0f);
  with_tile_rows<kChannelProductRows>(rows, [&]<std::size_t Rows>() {
    for (std::size_t i = 0; i < row; i += channels) {
      add_products<Rows>(a + i, b + i, row, channels, sums);
    }
  });
}

}  // namespace gradcam
