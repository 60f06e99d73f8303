#include "kernels/gemv.h"

#include <algorithm>

#include "kernels/simd.h"
#include "tensor/int4.h"

namespace gradcam {
namespace {

using simd::F32x4;

// How the formats are read. `load` gives four numbers of a row, those from i + 4 Half on; i is a
// multiple of kStep, and Half is 0 where kStep is 4.

struct Float32Format {
  using Word = float;
  static constexpr std::size_t kStep = 4;
  static std::size_t words(std::size_t inputs) { return inputs; }
  template <int Half>
  static F32x4 load(const Word* row, std::size_t i) {
    return simd::load(row + i + Half * simd::kLanes);
  }
  static float at(const Word* row, std::size_t i) { return row[i]; }
};

struct Float16Format {
  using Word = Float16;
  static constexpr std::size_t kStep = 4;
  static std::size_t words(std::size_t inputs) { return inputs; }
  template <int Half>
  static F32x4 load(const Word* row, std::size_t i) {
    return simd::load_float16(row + i + Half * simd::kLanes);
  }
  static float at(const Word* row, std::size_t i) { return f16_to_f32(row[i]); }
};

struct Int8Format {
  using Word = std::int8_t;
  static constexpr std::size_t kStep = 4;
  static std::size_t words(std::size_t inputs) { return inputs; }
  template <int Half>
  static F32x4 load(const Word* row, std::size_t i) {
    return simd::load_int8(row + i + Half * simd::kLanes);
  }
  static float at(const Word* row, std::size_t i) { return static_cast<float>(row[i]); }
};

struct Int4Format {
  using Word = std::uint8_t;
  static constexpr std::size_t kStep = kInt4Block;
  static std::size_t words(std::size_t inputs) { return inputs / 2; }
  template <int Half>
  static F32x4 load(const Word* row, std::size_t i) {
    return simd::load_int4<Half>(row + i / 2);
  }
  static float at(const Word* row, std::size_t i) { return static_cast<float>(int4_at(row, i)); }
};

/// The scales of a matrix: one for each `group` columns of each row; none at all is 1.
struct Scales {
  const float* values;
  std::size_t group;
  std::size_t groups;  // in a row

  float at(std::size_t row, std::size_t g) const {
    return values == nullptr ? 1.0f : values[row * groups + g];
  }
};

Scales row_scales(const float* scale, std::size_t inputs) { return {scale, inputs, 1}; }

Scales group_scales(const float* scale, std::size_t group, std::size_t inputs) {
  return {scale, group, (inputs + group - 1) / group};
}

/// The dot products of `Rows` consecutive rows of W with x over the columns from `begin` to `end`,
/// unscaled.
template <std::size_t Rows, class Format>
__attribute__((noinline)) void dot_rows(const typename Format::Word* w, std::size_t stride,
                                        const float* x, std::size_t begin, std::size_t end,
                                        float* y) {
  constexpr std::size_t kStep = 2 * simd::kLanes;
  F32x4 acc[Rows][2] = {};
  std::size_t i = begin;
  for (; i + kStep <= end; i += kStep) {
    const F32x4 x0 = simd::load(x + i);
    const F32x4 x1 = simd::load(x + i + simd::kLanes);
    for (std::size_t r = 0; r < Rows; ++r) {
      const auto* row = w + r * stride;
      acc[r][0] = simd::madd(Format::template load<0>(row, i), x0, acc[r][0]);
      acc[r][1] = simd::madd(Format::template load<1>(row, i), x1, acc[r][1]);
    }
  }
  for (std::size_t r = 0; r < Rows; ++r) {
    y[r] = simd::sum(acc[r][0] + acc[r][1]);
    for (std::size_t j = i; j < end; ++j) y[r] += Format::at(w + r * stride, j) * x[j];
  }
}

template <std::size_t Rows, class Format>
void dot_scaled_rows(const typename Format::Word* w, const Scales& scales, const float* x,
                     std::size_t o, std::size_t inputs, float* y) {
  const std::size_t stride = Format::words(inputs);
  std::fill_n(y + o, Rows, 0.0f);
  for (std::size_t g = 0; g < scales.groups; ++g) {
    const std::size_t begin = g * scales.group;
    float sums[Rows];
    dot_rows<Rows, Format>(w + o * stride, stride, x, begin, std::min(begin + scales.group, inputs),
                           sums);
    for (std::size_t r = 0; r < Rows; ++r) y[o + r] += sums[r] * scales.at(o + r, g);
  }
}

template <class Format>
void multiply(const typename Format::Word* w, const Scales& scales, const float* x,
              std::size_t outputs, std::size_t inputs, float* y) {
  std::size_t o = 0;
  for (; o + 4 <= outputs; o += 4) dot_scaled_rows<4, Format>(w, scales, x, o, inputs, y);
  for (; o < outputs; ++o) dot_scaled_rows<1, Format>(w, scales, x, o, inputs, y);
}

/// Of the loop below, four columns.
template <int Half, std::size_t Rows, class Format>
inline __attribute__((always_inline)) void add_lanes(const typename Format::Word* const (&w)[4],
                                                     const float (&y)[Rows][4], std::size_t i,
                                                     std::size_t inputs, float* x) {
  const F32x4 w0 = Format::template load<Half>(w[0], i);
  const F32x4 w1 = Format::template load<Half>(w[1], i);
  const F32x4 w2 = Format::template load<Half>(w[2], i);
  const F32x4 w3 = Format::template load<Half>(w[3], i);
  for (std::size_t r = 0; r < Rows; ++r) {
    float* target = x + r * inputs + i + Half * simd::kLanes;
    F32x4 sum = simd::load(target);
    sum = simd::madd(w0, simd::splat(y[r][0]), sum);
    sum = simd::madd(w1, simd::splat(y[r][1]), sum);
    sum = simd::madd(w2, simd::splat(y[r][2]), sum);
    sum = simd::madd(w3, simd::splat(y[r][3]), sum);
    simd::store(target, sum);
  }
}

/// x[0..Rows)[i] += sum over four rows of W of y[., row] W[row, i], for the columns i from `begin`
/// to `end`.
template <std::size_t Rows, class Format>
__attribute__((noinline)) void add_four_rows(const typename Format::Word* const (&w)[4],
                                             const float (&y)[Rows][4], std::size_t begin,
                                             std::size_t end, std::size_t inputs, float* x) {
  std::size_t i = begin;
  for (; i + Format::kStep <= end; i += Format::kStep) {
    add_lanes<0, Rows, Format>(w, y, i, inputs, x);
    if constexpr (Format::kStep > simd::kLanes) add_lanes<1, Rows, Format>(w, y, i, inputs, x);
  }
  for (; i < end; ++i) {
    for (std::size_t r = 0; r < Rows; ++r) {
      for (std::size_t k = 0; k < 4; ++k) x[r * inputs + i] += Format::at(w[k], i) * y[r][k];
    }
  }
}

template <class Format>
void multiply_transposed(const typename Format::Word* w, const Scales& scales, const float* y,
                         std::size_t rows, std::size_t outputs, std::size_t inputs, float* x) {
  std::fill_n(x, rows * inputs, 0.0f);
  constexpr std::size_t kRowsAtOnce = 3;  // 4 weights + 12 factors: what registers hold
  for (std::size_t o = 0; o < outputs;) {
    // Four rows of W that someone needs; after a ReLU about half are dead for every class.
    std::size_t live[4] = {};
    std::size_t count = 0;
    for (; o < outputs && count < 4; ++o) {
      for (std::size_t r = 0; r < rows; ++r) {
        if (y[r * outputs + o] != 0.0f) {
          live[count++] = o;
          break;
        }
      }
    }
    if (count == 0) break;
    const typename Format::Word* from[4];
    for (std::size_t k = 0; k < 4; ++k) {
      from[k] = w + live[std::min(k, count - 1)] * Format::words(inputs);
    }
    for (std::size_t g = 0; g < scales.groups; ++g) {
      const std::size_t begin = g * scales.group;
      const std::size_t end = std::min(begin + scales.group, inputs);
      const auto factor = [&](std::size_t r, std::size_t k) {
        return k < count ? y[r * outputs + live[k]] * scales.at(live[k], g) : 0.0f;
      };
      std::size_t r = 0;
      for (; r + kRowsAtOnce <= rows; r += kRowsAtOnce) {
        float factors[kRowsAtOnce][4];
        for (std::size_t i = 0; i < kRowsAtOnce; ++i) {
          for (std::size_t k = 0; k < 4; ++k) factors[i][k] = factor(r + i, k);
        }
        add_four_rows<kRowsAtOnce, Format>(from, factors, begin, end, inputs, x + r * inputs);
      }
      for (; r < rows; ++r) {
        const float factors[1][4] = {{factor(r, 0), factor(r, 1), factor(r, 2), factor(r, 3)}};
        add_four_rows<1, Format>(from, factors, begin, end, inputs, x + r * inputs);
      }
    }
  }
}

}  // namespace

void gemv(const float* w, const float* x, std::size_t outputs, std::size_t inputs, float* y) {
  multiply<Float32Format>(w, row_scales(nullptr, inputs), x, outputs, inputs, y);
}

void gemv_f16(const Float16* w, const float* x, std::size_t outputs, std::size_t inputs, float* y) {
  multiply<Float16Format>(w, row_scales(nullptr, inputs), x, outputs, inputs, y);
}

void gemv(const std::int8_t* w, const float* scale, const float* x, std::size_t outputs,
          std::size_t inputs, float* y) {
  multiply<Int8Format>(w, row_scales(scale, inputs), x, outputs, inputs, y);
}

void gemv_int4(const std::uint8_t* w, const float* scale, std::size_t group, const float* x,
               std::size_t outputs, std::size_t inputs, float* y) {
  multiply<Int4Format>(w, group_scales(scale, group, inputs), x, outputs, inputs, y);
}

void gemv_transposed(const float* w, const float* y, std::size_t rows, std::size_t outputs,
                     std::size_t inputs, float* x) {
  multiply_transposed<Float32Format>(w, row_scales(nullptr, inputs), y, rows, outputs, inputs, x);
}

void gemv_transposed_f16(const Float16* w, const float* y, std::size_t rows, std::size_t outputs,
                         std::size_t inputs, float* x) {
  multiply_transposed<Float16Format>(w, row_scales(nullptr, inputs), y, rows, outputs, inputs, x);
}

void gemv_transposed(const std::int8_t* w, const float* scale, const float* y, std::size_t rows,
                     std::size_t outputs, std::size_t inputs, float* x) {
  multiply_transposed<Int8Format>(w, row_scales(scale, inputs), y, rows, outputs, inputs, x);
}

void gemv_transposed_int4(const std::uint8_t* w, const float* scale, std::size_t group,
                          const float* y, std::size_t rows, std::size_t outputs, std::size_t inputs,
                          float* x) {
  multiply_transposed<Int4Format>(w, group_scales(scale, group, inputs), y, rows, outputs, inputs,
                                  x);
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
        sum += double{y[r * outputs + o]} * w[o * inputs + i];
      }
      x[r * inputs + i] = static_cast<float>(sum);
    }
  }
}

}  // namespace reference
}  // namespace gradcam
