#include "kernels/gemm.h"

#include <algorithm>

#include "kernels/gemm_tile.h"
#include "kernels/gemv.h"

namespace gradcam {
namespace {

using simd::F32x4;

// Of W so many rows and columns are packed at a time, 1 MiB; of x so many columns stay in the
// second-level cache while they pass by.
constexpr std::size_t kOutputs = 128;
constexpr std::size_t kDepth = 256;

/// tile[r, .] (+)= x[r, .] panel. x: rows `pitch` apart, panel: `depth` rows of 8.
template <std::size_t MR>
__attribute__((noinline)) void multiply_tile(const float* x, std::size_t pitch, const float* panel,
                                             std::size_t depth, bool is_first, float* tile) {
  F32x4 acc[MR][2] = {};
  if (!is_first) {
    for (std::size_t r = 0; r < MR; ++r) {
      acc[r][0] = simd::load(tile + r * kTileColumns);
      acc[r][1] = simd::load(tile + r * kTileColumns + simd::kLanes);
    }
  }
  accumulate_tile<MR>(x, pitch, panel, depth, acc);
  for (std::size_t r = 0; r < MR; ++r) {
    simd::store(tile + r * kTileColumns, acc[r][0]);
    simd::store(tile + r * kTileColumns + simd::kLanes, acc[r][1]);
  }
}

}  // namespace

// Rows of W are packed eight at a time as panels [inputs][8], and so is what they give, as
// [rows][8].
Result<void> gemm(const ExpandRow& w, const float* x, std::size_t rows, std::size_t outputs,
                  std::size_t inputs, float* y) {
  GRADCAM_TRY(Tensor row, Tensor::zeros({inputs}));
  GRADCAM_TRY(Tensor packed, Tensor::zeros({kOutputs, inputs}));
  GRADCAM_TRY(Tensor products, Tensor::zeros({kOutputs, rows}));
  for (std::size_t begin = 0; begin < outputs; begin += kOutputs) {
    const std::size_t count = std::min(kOutputs, outputs - begin);
    for (std::size_t o = 0; o < count; ++o) {
      w(begin + o, row.values());
      float* panel = packed.data() + o / kTileColumns * kTileColumns * inputs + o % kTileColumns;
      for (std::size_t i = 0; i < inputs; ++i) panel[i * kTileColumns] = row.data()[i];
    }
    for (std::size_t k = 0; k < inputs; k += kDepth) {
      const std::size_t depth = std::min(kDepth, inputs - k);
      for (std::size_t o = 0; o < count; o += kTileColumns) {
        const float* panel = packed.data() + o * inputs + k * kTileColumns;
        float* products_of_panel = products.data() + o * rows;
        for_each_tile(rows, [&](std::size_t first, std::size_t tile_rows) {
          with_tile_rows(tile_rows, [&]<std::size_t MR>() {
            multiply_tile<MR>(x + first * inputs + k, inputs, panel, depth, k == 0,
                              products_of_panel + first * kTileColumns);
          });
        });
      }
    }
    for (std::size_t o = 0; o < count; o += kTileColumns) {
      const float* product = products.data() + o * rows;
      for (std::size_t r = 0; r < rows; ++r) {
        std::copy_n(product + r * kTileColumns, std::min(kTileColumns, count - o),
                    y + r * outputs + begin + o);
      }
    }
  }
  return {};
}

namespace reference {

void gemm(const float* w, const float* x, std::size_t rows, std::size_t outputs, std::size_t inputs,
          float* y) {
  for (std::size_t r = 0; r < rows; ++r) gemv(w, x + r * inputs, outputs, inputs, y + r * outputs);
}

}  // namespace reference
}  // namespace gradcam
