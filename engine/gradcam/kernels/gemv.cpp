#include "gradcam/kernels/gemv.h"

#include <algorithm>
#include <vector>

#include "gradcam/kernels/integer_product.h"
#include "gradcam/kernels/live_rows.h"
#include "gradcam/kernels/packed_matrix.h"
#include "gradcam/kernels/simd.h"
#include "gradcam/tensor/int4.h"

namespace gradcam {
namespace {

using simd::F32x4;

inline F32x4 load_weights(const float* w) { return simd::load(w); }
inline F32x4 load_weights(const std::int8_t* w) { return simd::load_int8(w); }

/// The dot products of `Rows` rows of W with x, unscaled.
template <std::size_t Rows, class Weight>
__attribute__((noinline)) void dot_rows(const Weight* w, const float* x, std::size_t inputs,
                                        float* y) {
  constexpr std::size_t kStep = 2 * simd::kLanes;
  F32x4 acc[Rows][2] = {};
  std::size_t i = 0;
  for (; i + kStep <= inputs; i += kStep) {
    const F32x4 x0 = simd::load(x + i);
    const F32x4 x1 = simd::load(x + i + simd::kLanes);
    for (std::size_t r = 0; r < Rows; ++r) {
      const Weight* row = w + r * inputs + i;
      acc[r][0] = simd::madd(load_weights(row), x0, acc[r][0]);
      acc[r][1] = simd::madd(load_weights(row + simd::kLanes), x1, acc[r][1]);
    }
  }
  for (std::size_t r = 0; r < Rows; ++r) {
    y[r] = simd::sum(acc[r][0] + acc[r][1]);
    GRADCAM_SHORT_LOOP
    for (std::size_t j = i; j < inputs; ++j) {
      y[r] += static_cast<float>(w[r * inputs + j]) * x[j];
    }
  }
}

template <class Weight>
void dot_all_rows(const Weight* w, const float* x, std::size_t outputs, std::size_t inputs,
                  float* y) {
  std::size_t o = 0;
  for (; o + 4 <= outputs; o += 4) dot_rows<4>(w + o * inputs, x, inputs, y + o);
  for (; o < outputs; ++o) dot_rows<1>(w + o * inputs, x, inputs, y + o);
}

/// x[0..Rows)[i] += sum over four rows of W of y[., row] W[row, i], for `count` columns; the rows
/// of x are `inputs` apart.
template <std::size_t Rows, class Weight>
__attribute__((noinline)) void add_four_rows(const Weight* const (&w)[4], const float (&y)[Rows][4],
                                             std::size_t count, std::size_t inputs, float* x) {
  std::size_t i = 0;
  for (; i + simd::kLanes <= count; i += simd::kLanes) {
    const F32x4 w0 = load_weights(w[0] + i);
    const F32x4 w1 = load_weights(w[1] + i);
    const F32x4 w2 = load_weights(w[2] + i);
    const F32x4 w3 = load_weights(w[3] + i);
    for (std::size_t r = 0; r < Rows; ++r) {
      float* target = x + r * inputs + i;
      F32x4 sum = simd::load(target);
      sum = simd::madd(w0, simd::splat(y[r][0]), sum);
      sum = simd::madd(w1, simd::splat(y[r][1]), sum);
      sum = simd::madd(w2, simd::splat(y[r][2]), sum);
      sum = simd::madd(w3, simd::splat(y[r][3]), sum);
      simd::store(target, sum);
    }
  }
  GRADCAM_SHORT_LOOP
  for (; i < count; ++i) {
    GRADCAM_SHORT_LOOP
    for (std::size_t r = 0; r < Rows; ++r) {
      GRADCAM_SHORT_LOOP
      for (std::size_t k = 0; k < 4; ++k) {
        x[r * inputs + i] += static_cast<float>(w[k][i]) * y[r][k];
      }
    }
  }
}

/// Adds the products of four rows of W to `count` columns of every row of x, from column x[0] on.
/// factor(r, k) is what row k counts in row r.
template <class Weight, class Factor>
void add_to_all_rows(const Weight* const (&from)[4], Factor factor, std::size_t rows,
                     std::size_t count, std::size_t inputs, float* x) {
  constexpr std::size_t kRowsAtOnce = 3;  // 4 weights + 12 factors: what registers hold
  std::size_t r = 0;
  for (; r + kRowsAtOnce <= rows; r += kRowsAtOnce) {
    float factors[kRowsAtOnce][4];
    GRADCAM_SHORT_LOOP
    for (std::size_t i = 0; i < kRowsAtOnce; ++i) {
      GRADCAM_SHORT_LOOP
      for (std::size_t k = 0; k < 4; ++k) factors[i][k] = factor(r + i, k);
    }
    add_four_rows<kRowsAtOnce>(from, factors, count, inputs, x + r * inputs);
  }
  for (; r < rows; ++r) {
    const float factors[1][4] = {{factor(r, 0), factor(r, 1), factor(r, 2), factor(r, 3)}};
    add_four_rows<1>(from, factors, count, inputs, x + r * inputs);
  }
}

/// x[i] += sum over eight rows of W of y[row] W[row, i].
[[gnu::always_inline]] inline void add_eight_rows(const float* const (&w)[8], const float (&y)[8],
                                                  std::size_t inputs, float* x) {
  constexpr std::size_t kVectors = 4;  // a line of the cache
  constexpr std::size_t kStep = kVectors * simd::kLanes;
  std::size_t i = 0;
  for (; i + kStep <= inputs; i += kStep) {
    F32x4 sums[kVectors];
    GRADCAM_UNROLLED_LOOP
    for (std::size_t v = 0; v < kVectors; ++v) sums[v] = simd::load(x + i + v * simd::kLanes);
    GRADCAM_UNROLLED_LOOP
    for (std::size_t k = 0; k < 8; ++k) {
      const F32x4 factor = simd::splat(y[k]);
      GRADCAM_UNROLLED_LOOP
      for (std::size_t v = 0; v < kVectors; ++v) {
        sums[v] = simd::madd(simd::load(w[k] + i + v * simd::kLanes), factor, sums[v]);
      }
    }
    GRADCAM_UNROLLED_LOOP
    for (std::size_t v = 0; v < kVectors; ++v) simd::store(x + i + v * simd::kLanes, sums[v]);
  }
  GRADCAM_SHORT_LOOP
  for (; i < inputs; ++i) {
    GRADCAM_SHORT_LOOP
    for (std::size_t k = 0; k < 8; ++k) x[i] += w[k][i] * y[k];
  }
}

/// One row of x: what takes its time is W, of which no more is read than counts.
void transposed_one(const float* w, const float* y, std::size_t outputs, std::size_t inputs,
                    float* x) {
  // Rounding adds up with the length of a sum: short ones are summed.
  constexpr std::size_t kShort = 512;
  std::vector<float> sums(inputs);
  std::fill_n(x, inputs, 0.0f);
  for (std::size_t o = 0; o < outputs;) {
    std::ranges::fill(sums, 0.0f);
    const std::size_t end = std::min(o + kShort, outputs);
    while (o < end) {
      const float* rows[8];
      float factors[8];
      std::size_t count = 0;
      for (; o < end && count < 8; ++o) {
        if (y[o] == 0.0f) continue;
        rows[count] = w + o * inputs;
        factors[count++] = y[o];
      }
      if (count == 0) break;
      // The first stands in, times 0, for those that are missing.
      for (; count < 8; ++count) {
        rows[count] = rows[0];
        factors[count] = 0;
      }
      add_eight_rows(rows, factors, inputs, sums.data());
    }
    for (std::size_t i = 0; i < inputs; ++i) x[i] += sums[i];
  }
}

template <class Weight>
void transposed(const Weight* w, const float* scale, const float* y, std::size_t rows,
                std::size_t outputs, std::size_t inputs, float* x) {
  std::fill_n(x, rows * inputs, 0.0f);
  for (std::size_t o = 0; o < outputs;) {
    const LiveRows<4> live(y, rows, outputs, o);
    if (live.count == 0) break;
    const Weight* from[4];
    for (std::size_t k = 0; k < 4; ++k) from[k] = w + live.at(k) * inputs;
    const auto factor = [&](std::size_t r, std::size_t k) {
      if (k >= live.count) return 0.0f;
      return y[r * outputs + live.index[k]] * (scale == nullptr ? 1.0f : scale[live.index[k]]);
    };
    add_to_all_rows(from, factor, rows, inputs, inputs, x);
  }
}

/// A matrix that is expanded to float32 tile by tile, four rows by kExpandedColumns, and multiplied
/// as such: a tile fits the fastest cache, and one loop serves all classes and all formats.
constexpr std::size_t kExpandedColumns = 256;

/// From so many rows of x on, tiles of it are worth it.
constexpr std::size_t kManyRows = 4;

void expand_int8_columns(const PackedMatrix& matrix, std::size_t row, std::size_t first,
                         std::size_t count, float* out) {
  expand_int8(static_cast<const std::int8_t*>(matrix.values) + row * matrix.inputs + first,
              matrix.scale[row], count, out);
}

void expand_float16_columns(const PackedMatrix& matrix, std::size_t row, std::size_t first,
                            std::size_t count, float* out) {
  expand_float16(static_cast<const Float16*>(matrix.values) + row * matrix.inputs + first, count,
                 out);
}

void expand_int4_columns(const PackedMatrix& matrix, std::size_t row, std::size_t first,
                         std::size_t count, float* out) {
  const auto* w = static_cast<const std::uint8_t*>(matrix.values) + row * matrix.inputs / 2;
  const std::size_t groups = (matrix.inputs + matrix.group - 1) / matrix.group;
  expand_int4(w, matrix.scale + row * groups, matrix.group, first, count, out);
}

void multiply(const PackedMatrix& matrix, const float* x, std::size_t outputs, float* y) {
  alignas(64) float tile[4 * kExpandedColumns];
  const std::size_t inputs = matrix.inputs;
  for (std::size_t o = 0; o < outputs; o += 4) {
    const std::size_t rows = std::min<std::size_t>(4, outputs - o);
    std::fill_n(y + o, rows, 0.0f);
    for (std::size_t first = 0; first < inputs; first += kExpandedColumns) {
      const std::size_t count = std::min(kExpandedColumns, inputs - first);
      for (std::size_t r = 0; r < rows; ++r) {
        matrix.expand(matrix, o + r, first, count, tile + r * count);
      }
      float sums[4];
      dot_all_rows(tile, x + first, rows, count, sums);
      for (std::size_t r = 0; r < rows; ++r) y[o + r] += sums[r];
    }
  }
}

void multiply_transposed(const PackedMatrix& matrix, const float* y, std::size_t rows,
                         std::size_t outputs, float* x, const float* where) {
  if (rows >= kManyRows) return multiply_transposed_by_tiles(matrix, y, rows, outputs, x, where);
  alignas(64) float tile[4][kExpandedColumns];
  const float* const from[4] = {tile[0], tile[1], tile[2], tile[3]};
  const std::size_t inputs = matrix.inputs;
  std::fill_n(x, rows * inputs, 0.0f);
  for (std::size_t o = 0; o < outputs;) {
    const LiveRows<4> live(y, rows, outputs, o);
    if (live.count == 0) break;
    const auto factor = [&](std::size_t r, std::size_t k) {
      return k < live.count ? y[r * outputs + live.index[k]] : 0.0f;
    };
    for (std::size_t first = 0; first < inputs; first += kExpandedColumns) {
      const std::size_t count = std::min(kExpandedColumns, inputs - first);
      for (std::size_t k = 0; k < 4; ++k) {
        matrix.expand(matrix, live.at(k), first, count, tile[k]);
      }
      add_to_all_rows(from, factor, rows, count, inputs, x + first);
    }
  }
}

PackedMatrix float16_matrix(const Float16* w, std::size_t inputs) {
  return {.expand = expand_float16_columns,
          .values = w,
          .scale = nullptr,
          .group = 0,
          .inputs = inputs};
}

PackedMatrix int4_matrix(const std::uint8_t* w, const float* scale, std::size_t group,
                         std::size_t inputs) {
  return {
      .expand = expand_int4_columns, .values = w, .scale = scale, .group = group, .inputs = inputs};
}

}  // namespace

void gemv(const float* w, const float* x, std::size_t outputs, std::size_t inputs, float* y) {
  dot_all_rows(w, x, outputs, inputs, y);
}

void dot_four(const float* const (&rows)[4], const float* x, std::size_t inputs, float (&y)[4]) {
  constexpr std::size_t kStep = 2 * simd::kLanes;
  F32x4 acc[4][2] = {};
  std::size_t i = 0;
  for (; i + kStep <= inputs; i += kStep) {
    const F32x4 x0 = simd::load(x + i);
    const F32x4 x1 = simd::load(x + i + simd::kLanes);
    for (std::size_t k = 0; k < 4; ++k) {
      acc[k][0] = simd::madd(simd::load(rows[k] + i), x0, acc[k][0]);
      acc[k][1] = simd::madd(simd::load(rows[k] + i + simd::kLanes), x1, acc[k][1]);
    }
  }
  for (std::size_t k = 0; k < 4; ++k) {
    y[k] = simd::sum(acc[k][0] + acc[k][1]);
    GRADCAM_SHORT_LOOP
    for (std::size_t j = i; j < inputs; ++j) y[k] += rows[k][j] * x[j];
  }
}

void gemv(const Float16* w, const float* x, std::size_t outputs, std::size_t inputs, float* y) {
  multiply(float16_matrix(w, inputs), x, outputs, y);
}

void gemv(const std::uint8_t* w, const float* scale, std::size_t group, const float* x,
          std::size_t outputs, std::size_t inputs, float* y) {
  if (integer_product_fits(inputs, group)) {
    return multiply_int4(w, scale, group, x, outputs, inputs, y);
  }
  multiply(int4_matrix(w, scale, group, inputs), x, outputs, y);
}

void gemv(const std::int8_t* w, const float* scale, const float* x, std::size_t outputs,
          std::size_t inputs, float* y) {
  if (integer_product_fits(inputs)) return multiply_int8(w, scale, x, outputs, inputs, y);
  dot_all_rows(w, x, outputs, inputs, y);
  GRADCAM_SHORT_LOOP
  for (std::size_t o = 0; o < outputs; ++o) y[o] *= scale[o];
}

void gemv_transposed(const float* w, const float* y, std::size_t rows, std::size_t outputs,
                     std::size_t inputs, float* x, const float* where) {
  if (rows == 1) return transposed_one(w, y, outputs, inputs, x);
  const PackedMatrix matrix = {
      .expand = nullptr, .values = w, .scale = nullptr, .group = 0, .inputs = inputs};
  if (rows >= kManyRows) return multiply_transposed_by_tiles(matrix, y, rows, outputs, x, where);
  transposed(w, nullptr, y, rows, outputs, inputs, x);
}

void gemv_transposed(const std::int8_t* w, const float* scale, const float* y, std::size_t rows,
                     std::size_t outputs, std::size_t inputs, float* x, const float* where) {
  const PackedMatrix matrix = {
      .expand = expand_int8_columns, .values = w, .scale = scale, .group = 0, .inputs = inputs};
  if (rows >= kManyRows) return multiply_transposed_by_tiles(matrix, y, rows, outputs, x, where);
  transposed(w, scale, y, rows, outputs, inputs, x);
}

void gemv_transposed(const Float16* w, const float* y, std::size_t rows, std::size_t outputs,
                     std::size_t inputs, float* x, const float* where) {
  multiply_transposed(float16_matrix(w, inputs), y, rows, outputs, x, where);
}

void gemv_transposed(const std::uint8_t* w, const float* scale, std::size_t group, const float* y,
                     std::size_t rows, std::size_t outputs, std::size_t inputs, float* x,
                     const float* where) {
  multiply_transposed(int4_matrix(w, scale, group, inputs), y, rows, outputs, x, where);
}

void expand_int8(const std::int8_t* numbers, float scale, std::size_t count, float* out) {
  const F32x4 factor = simd::splat(scale);
  std::size_t i = 0;
  for (; i + simd::kLanes <= count; i += simd::kLanes) {
    simd::store(out + i, simd::load_int8(numbers + i) * factor);
  }
  GRADCAM_SHORT_LOOP
  for (; i < count; ++i) out[i] = static_cast<float>(numbers[i]) * scale;
}

void expand_float16(const Float16* numbers, std::size_t count, float* out) {
  std::size_t i = 0;
  for (; i + simd::kLanes <= count; i += simd::kLanes) {
    simd::store(out + i, simd::load_float16(numbers + i));
  }
  GRADCAM_SHORT_LOOP
  for (; i < count; ++i) out[i] = f16_to_f32(numbers[i]);
}

void expand_int4(const std::uint8_t* row, const float* scale, std::size_t group, std::size_t first,
                 std::size_t count, float* out) {
  const std::size_t end = first + count;
  for (std::size_t i = first; i < end;) {
    const std::size_t next = std::min(end, (i / group + 1) * group);
    const F32x4 factor = simd::splat(scale[i / group]);
    for (; i < next; i += kInt4Block, out += kInt4Block) {
      simd::store(out, simd::load_int4<0>(row + i / 2) * factor);
      simd::store(out + simd::kLanes, simd::load_int4<1>(row + i / 2) * factor);
    }
  }
}

namespace reference {

void gemv(const float* w, const float* x, std::size_t outputs, std::size_t inputs, float* y) {
  for (std::size_t o = 0; o < outputs; ++o) {
    double sum = 0;
    for (std::size_t i = 0; i < inputs; ++i) sum += double{w[o * inputs + i]} * x[i];
    y[o] = static_cast<float>(sum);
  }
}

void gemv_transposed(const float* w, const float* y, std::size_t rows, std::size_t outputs,
                     std::size_t inputs, float* x) {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < inputs; ++i) {
      double sum = 0;
      for (std::size_t o = 0; o < outputs; ++o) {
        const float factor = y[r * outputs + o];
        if (factor != 0) sum += double{factor} * w[o * inputs + i];
      }
      x[r * inputs + i] = static_cast<float>(sum);
    }
  }
}

}  // namespace reference
}  // namespace gradcam
