#include "gradcam/kernels/packed_matrix.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "gradcam/kernels/gemm_tile.h"
#include "gradcam/kernels/live_rows.h"
#include "gradcam/kernels/simd.h"

namespace gradcam {
namespace {

using simd::F32x4;

// Rows of W at a time: each adds to a tile of x that stays in registers, and eight rows that lie a
// power of two apart still fit into the first-level cache beside each other.
constexpr std::size_t kWeightRows = 8;
// Columns that are expanded at a time, where W is not float32 already.
constexpr std::size_t kColumns = 256;
// Rows of x in a tile: ten registers, and a few for what they are made of.
constexpr std::size_t kRows = 5;

/// x[r, .] += sum over k of factors[r, k] w[k][.], for some vectors of columns and MR rows of x,
/// which are `pitch` apart.
template <std::size_t MR, std::size_t Vectors>
inline __attribute__((always_inline)) void add_tile(const float* const (&w)[kWeightRows],
                                                    std::size_t column, const float* factors,
                                                    float* x, std::size_t pitch) {
  F32x4 acc[MR][Vectors];
  for (std::size_t r = 0; r < MR; ++r) {
    for (std::size_t v = 0; v < Vectors; ++v) {
      acc[r][v] = simd::load(x + r * pitch + v * simd::kLanes);
    }
  }
  GRADCAM_SHORT_LOOP
  for (std::size_t k = 0; k < kWeightRows; ++k) {
    for (std::size_t r = 0; r < MR; ++r) {
      const F32x4 factor = simd::splat(factors[r * kWeightRows + k]);
      for (std::size_t v = 0; v < Vectors; ++v) {
        acc[r][v] = simd::madd(factor, simd::load(w[k] + column + v * simd::kLanes), acc[r][v]);
      }
    }
  }
  for (std::size_t r = 0; r < MR; ++r) {
    for (std::size_t v = 0; v < Vectors; ++v) {
      simd::store(x + r * pitch + v * simd::kLanes, acc[r][v]);
    }
  }
}

/// The same for `count` columns. As with few rows of x, whole vectors may be fused and the last
/// columns are not, so that the number of rows changes no bit.
template <std::size_t MR>
__attribute__((noinline)) void add_rows(const float* const (&w)[kWeightRows], std::size_t count,
                                        const float* factors, float* x, std::size_t pitch) {
  std::size_t c = 0;
  for (; c + 2 * simd::kLanes <= count; c += 2 * simd::kLanes) {
    add_tile<MR, 2>(w, c, factors, x + c, pitch);
  }
  if (c + simd::kLanes <= count) {
    add_tile<MR, 1>(w, c, factors, x + c, pitch);
    c += simd::kLanes;
  }
  GRADCAM_SHORT_LOOP
  for (; c < count; ++c) {
    GRADCAM_SHORT_LOOP
    for (std::size_t r = 0; r < MR; ++r) {
      GRADCAM_SHORT_LOOP
      for (std::size_t k = 0; k < kWeightRows; ++k)
        x[r * pitch + c] += w[k][c] * factors[r * kWeightRows + k];
    }
  }
}

}  // namespace

void multiply_transposed_by_tiles(const PackedMatrix& matrix, const float* y, std::size_t rows,
                                  std::size_t outputs, float* x) {
  const std::size_t inputs = matrix.inputs;
  std::fill_n(x, rows * inputs, 0.0f);
  alignas(64) float expanded[kWeightRows][kColumns];
  std::vector<float> factors(rows * kWeightRows);
  for (std::size_t o = 0; o < outputs;) {
    const LiveRows<kWeightRows> live(y, rows, outputs, o);
    if (live.count == 0) break;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t k = 0; k < kWeightRows; ++k) {
        factors[r * kWeightRows + k] = k < live.count ? y[r * outputs + live.index[k]] : 0.0f;
      }
    }
    for (std::size_t first = 0; first < inputs; first += kColumns) {
      const std::size_t count = std::min(kColumns, inputs - first);
      const float* w[kWeightRows];
      for (std::size_t k = 0; k < kWeightRows; ++k) {
        if (matrix.expand == nullptr) {
          w[k] = static_cast<const float*>(matrix.values) + live.at(k) * inputs + first;
        } else {
          matrix.expand(matrix, live.at(k), first, count, expanded[k]);
          w[k] = expanded[k];
        }
      }
      for_each_tile<kRows>(rows, [&](std::size_t r, std::size_t tile_rows) {
        with_tile_rows<kRows>(tile_rows, [&]<std::size_t MR>() {
          add_rows<MR>(w, count, &factors[r * kWeightRows], x + r * inputs + first, inputs);
        });
      });
    }
  }
}

}  // namespace gradcam
