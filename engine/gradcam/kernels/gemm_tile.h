#pragma once

#include <cstddef>

#include "gradcam/kernels/simd.h"

/// The innermost loop of every convolution, and of gradients through dense layers: a tile of MR
/// rows by 8 columns of C = A B, held in 2 MR vector registers while k runs.
namespace gradcam {

/// Columns of a tile, and of a packed panel of B.
inline constexpr std::size_t kTileColumns = 8;

/// The first multiple of `to` from n on.
constexpr std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

/// So many columns of B, and those that fill up the last panel.
constexpr std::size_t whole_panels(std::size_t columns) { return round_up(columns, kTileColumns); }

/// Rows of the largest tile: 12 accumulators where multiply-add is one instruction, 10 where the
/// product needs a register of its own, and 8 where each number needs one.
#if defined(__wasm__) && !defined(__wasm_simd128__)
inline constexpr std::size_t kTileRows = 1;
#elif defined(__wasm_simd128__) && !defined(__wasm_relaxed_simd__)
inline constexpr std::size_t kTileRows = 5;
#else
inline constexpr std::size_t kTileRows = 6;
#endif

struct MultiplyAdd {
  simd::F32x4 operator()(simd::F32x4 a, simd::F32x4 b, simd::F32x4 c) const {
    return simd::madd(a, b, c);
  }
};

/// Adds A B to the accumulators. a: MR rows, `lda` apart, k long; b: k rows of 8; of floats, or of
/// what `madd` takes.
/// Not unrolled over k: more live values than registers makes browsers' compilers spill.
template <std::size_t MR, class Number, class Sums, class Madd = MultiplyAdd>
inline __attribute__((always_inline)) void accumulate_tile(const Number* a, std::size_t lda,
                                                           const Number*& b, std::size_t k,
                                                           Sums (&acc)[MR][2], Madd madd = {}) {
#if defined(__clang__)
#pragma clang loop unroll(disable)
#else
#pragma GCC unroll 1
#endif
  for (; k > 0; --k) {
    const auto b0 = simd::load(b);
    const auto b1 = simd::load(b + 4);
    for (std::size_t r = 0; r < MR; ++r) {
      const auto x = simd::load_splat(a + r * lda);
      acc[r][0] = madd(x, b0, acc[r][0]);
      acc[r][1] = madd(x, b1, acc[r][1]);
    }
    ++a;
    b += kTileColumns;
  }
}

/// Calls `run.template operator()<MR>()` for the MR asked for, 1..MaxRows.
template <std::size_t MaxRows = kTileRows, class Run>
inline void with_tile_rows(std::size_t rows, Run&& run) {
  if constexpr (MaxRows > 1) {
    if (rows < MaxRows) return with_tile_rows<MaxRows - 1>(rows, run);
  }
  run.template operator()<MaxRows>();
}

/// Walks `count` rows in tiles that differ by at most one row, so that no tile is tiny:
/// visit(first, rows).
template <std::size_t MaxRows = kTileRows, class Visit>
inline void for_each_tile(std::size_t count, Visit&& visit) {
  const std::size_t tiles = (count + MaxRows - 1) / MaxRows;
  std::size_t first = 0;
  for (std::size_t i = 0; i < tiles; ++i) {
    const std::size_t rows = count / tiles + (i < count % tiles ? 1 : 0);
    visit(first, rows);
    first += rows;
  }
}

}  // namespace gradcam
