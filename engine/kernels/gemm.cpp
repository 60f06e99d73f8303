#include "kernels/gemm.h"

#include <algorithm>

#include "kernels/gemm_tile.h"
#include "kernels/gemv.h"

namespace gradcam {
namespace {

using simd::F32x4;

template <std::size_t MR>
__attribute__((noinline)) void multiply_tile(const float* x, const float* panel, std::size_t inputs,
                                             float* tile) {
  F32x4 acc[MR][2] = {};
  accumulate_tile<MR>(x, inputs, panel, inputs, acc);
  for (std::size_t r = 0; r < MR; ++r) {
    simd::store(tile + r * kTileColumns, acc[r][0]);
    simd::store(tile + r * kTileColumns + simd::kLanes, acc[r][1]);
  }
}

}  // namespace

// Eight rows of W at a time are packed as [inputs][8]; all of x passes by them.
Result<void> gemm(const ExpandRow& w, const float* x, std::size_t rows, std::size_t outputs,
                  std::size_t inputs, float* y) {
  GRADCAM_TRY(Tensor row, Tensor::zeros({inputs}));
  GRADCAM_TRY(Tensor panel, Tensor::zeros({inputs, kTileColumns}));
  for (std::size_t o = 0; o < outputs; o += kTileColumns) {
    const std::size_t lanes = std::min(kTileColumns, outputs - o);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      w(o + lane, row.values());
      for (std::size_t i = 0; i < inputs; ++i) {
        panel.data()[i * kTileColumns + lane] = row.data()[i];
      }
    }
    for_each_tile(rows, [&](std::size_t first, std::size_t count) {
      float tile[kTileRows * kTileColumns];
      with_tile_rows(count, [&]<std::size_t MR>() {
        multiply_tile<MR>(x + first * inputs, panel.data(), inputs, tile);
      });
      for (std::size_t r = 0; r < count; ++r) {
        std::copy_n(tile + r * kTileColumns, lanes, y + (first + r) * outputs + o);
      }
    });
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
