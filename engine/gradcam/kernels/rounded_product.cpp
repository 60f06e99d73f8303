#include "gradcam/kernels/rounded_product.h"

#include <algorithm>
#include <vector>

#include "gradcam/kernels/gemm_tile.h"
#include "gradcam/kernels/simd.h"

namespace gradcam::rounded {
namespace {

using simd::I16x8;
using simd::I32x4;
using simd::U32x4;

template <class Madd, std::size_t MR>
__attribute__((noinline)) void multiply_tile(const Product& product, std::size_t first) {
  const std::uint32_t* panel = product.panel;
  I32x4 acc[MR][2] = {};
  accumulate_tile<MR>(product.x + first * product.pitch, product.pitch, panel, product.words, acc,
                      Madd());
  for (std::size_t r = 0; r < MR; ++r) {
    std::int32_t* y = product.y + (first + r) * kTileColumns;
    simd::store(y, acc[r][0]);
    simd::store(y + simd::kLanes, acc[r][1]);
  }
}

template <class Madd>
void multiply(const Product& product) {
  for_each_tile(product.rows, [&](std::size_t first, std::size_t rows) {
    with_tile_rows(rows, [&]<std::size_t MR>() { multiply_tile<Madd, MR>(product, first); });
  });
}

struct Pairs {
  I32x4 operator()(U32x4 x, U32x4 w, I32x4 c) const {
    return simd::madd_pairs(reinterpret_cast<I16x8>(x), reinterpret_cast<I16x8>(w), c);
  }
};

#if defined(__wasm_relaxed_simd__)

struct Bytes {
  I32x4 operator()(U32x4 x, U32x4 w, I32x4 c) const { return simd::madd_bytes(x, w, c); }
};

/// V8's first compiler, which everything runs through at first, got these products wrong until
/// 2023.
bool has_right_bytes() {
  constexpr std::size_t kWords = 3;
  std::vector<std::uint32_t> x;
  std::vector<std::uint32_t> panel;
  std::uint32_t bits = 1;
  const auto next = [&] { return bits = bits * 1664525 + 1013904223; };
  for (std::size_t i = 0; i < kTileRows * kWords; ++i) x.push_back(next() & 0x7f7f7f7f);
  for (std::size_t i = 0; i < kWords * kTileColumns; ++i) panel.push_back(next());
  const auto is_right = [&](const std::int32_t* y, std::size_t row, std::size_t column) {
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < 4 * kWords; ++i) {
      const std::size_t shift = i % 4 * 8;
      const auto a = static_cast<std::int32_t>(x[row * kWords + i / 4] >> shift & 0xff);
      sum += a * static_cast<std::int8_t>(panel[i / 4 * kTileColumns + column] >> shift & 0xff);
    }
    return y[row * kTileColumns + column] == sum;
  };
  for (std::size_t rows = 1; rows <= kTileRows; ++rows) {
    std::vector<std::int32_t> y(rows * kTileColumns);
    multiply<Bytes>({.x = x.data(),
                     .rows = rows,
                     .pitch = kWords,
                     .panel = panel.data(),
                     .words = kWords,
                     .y = y.data()});
    for (std::size_t i = 0; i < y.size(); ++i) {
      if (!is_right(y.data(), i / kTileColumns, i % kTileColumns)) return false;
    }
  }
  return true;
}

#endif

}  // namespace

std::span<const Kernels> kernels() {
  static const auto all = [] {
    std::vector<Kernels> runs = {{2, 0, multiply<Pairs>}};
#if defined(__wasm_relaxed_simd__)
    if (has_right_bytes()) runs.push_back({4, 127, multiply<Bytes>});
#elif defined(__x86_64__)
    const auto wide = wide_kernels();
    runs.insert(runs.end(), wide.begin(), wide.end());
#endif
    return runs;
  }();
  return all;
}

}  // namespace gradcam::rounded
