#include "kernels/gemv.h"

#include <algorithm>

#include "kernels/simd.h"

namespace gradcam {
namespace {

using simd::F32x4;

inline F32x4 load_weights(const float* w) { return simd::load(w); }
inline F32x4 load_weights(const std::int8_t* w) { return simd::load_int8(w); }

/// The dot products of `Rows` consecutive rows of W with x, unscaled.
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

/// x[0..Rows)[i] += sum over four rows of W of y[., row] W[row, i].
template <std::size_t Rows, class Weight>
__attribute__((noinline)) void add_four_rows(const Weight* const (&w)[4], const float (&y)[Rows][4],
                                             std::size_t inputs, float* x) {
  std::size_t i = 0;
  for (; i + simd::kLanes <= inputs; i += simd::kLanes) {
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
  for (; i < inputs; ++i) {
    for (std::size_t r = 0; r < Rows; ++r) {
      for (std::size_t k = 0; k < 4; ++k) {
        x[r * inputs + i] += static_cast<float>(w[k][i]) * y[r][k];
      }
    }
  }
}

template <class Weight>
void transposed(const Weight* w, const float* scale, const float* y, std::size_t rows,
                std::size_t outputs, std::size_t inputs, float* x) {
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
    const Weight* from[4];
    for (std::size_t k = 0; k < 4; ++k) from[k] = w + live[std::min(k, count - 1)] * inputs;
    const auto factor = [&](std::size_t r, std::size_t k) {
      if (k >= count) return 0.0f;
      return y[r * outputs + live[k]] * (scale == nullptr ? 1.0f : scale[live[k]]);
    };
    std::size_t r = 0;
    for (; r + kRowsAtOnce <= rows; r += kRowsAtOnce) {
      float factors[kRowsAtOnce][4];
      for (std::size_t i = 0; i < kRowsAtOnce; ++i) {
        for (std::size_t k = 0; k < 4; ++k) factors[i][k] = factor(r + i, k);
      }
      add_four_rows<kRowsAtOnce>(from, factors, inputs, x + r * inputs);
    }
    for (; r < rows; ++r) {
      const float factors[1][4] = {{factor(r, 0), factor(r, 1), factor(r, 2), factor(r, 3)}};
      add_four_rows<1>(from, factors, inputs, x + r * inputs);
    }
  }
}

}  // namespace

void gemv(const float* w, const float* x, std::size_t outputs, std::size_t inputs, float* y) {
  dot_all_rows(w, x, outputs, inputs, y);
}

void gemv(const std::int8_t* w, const float* scale, const float* x, std::size_t outputs,
          std::size_t inputs, float* y) {
  dot_all_rows(w, x, outputs, inputs, y);
  for (std::size_t o = 0; o < outputs; ++o) y[o] *= scale[o];
}

void gemv_transposed(const float* w, const float* y, std::size_t rows, std::size_t outputs,
                     std::size_t inputs, float* x) {
  transposed(w, nullptr, y, rows, outputs, inputs, x);
}

void gemv_transposed(const std::int8_t* w, const float* scale, const float* y, std::size_t rows,
                     std::size_t outputs, std::size_t inputs, float* x) {
  transposed(w, scale, y, rows, outputs, inputs, x);
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
