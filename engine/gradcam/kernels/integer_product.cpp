#include "gradcam/kernels/integer_product.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gradcam/kernels/simd.h"
#include "gradcam/tensor/int4.h"

namespace gradcam {
namespace {

using simd::F32x4;
using simd::I16x8;
using simd::I32x4;

/// Numbers multiplied at a time, two vectors of them.
constexpr std::size_t kRun = 16;

/// Rows of int4. A run is two blocks, of which the first vector has the first halves.
struct Int4Rows {
  /// So many products of numbers of 4 and of 16 bits fit four sums of 32 bits, with room.
  static constexpr std::size_t kMaxGroup = 8192;

  const std::uint8_t* values;
  std::size_t inputs;
  const float* scales;
  std::size_t group;

  static std::size_t place(std::size_t i) {
    const std::size_t half = i % kInt4Block / simd::kLanes;
    return half * 8 + i / kInt4Block * simd::kLanes + i % simd::kLanes;
  }
  void load(std::size_t row, std::size_t i, I16x8& first, I16x8& last) const {
    const I16x8 pairs = simd::load_uint8_as_int16(values + (row * inputs + i) / 2);
    first = pairs << 12 >> 12;
    last = pairs << 8 >> 12;
  }
  std::size_t groups() const { return (inputs + group - 1) / group; }
  float scale(std::size_t row, std::size_t g) const { return scales[row * groups() + g]; }
  Int4Rows from(std::size_t row) const {
    return {values + row * inputs / 2, inputs, scales + row * groups(), group};
  }
};

/// Rows of int8, which are cut into groups only to keep the sums small.
struct Int8Rows {
  static constexpr std::size_t group = 1024;

  const std::int8_t* values;
  std::size_t inputs;
  const float* scales;

  static std::size_t place(std::size_t i) { return i; }
  void load(std::size_t row, std::size_t i, I16x8& first, I16x8& last) const {
    first = simd::load_int8_as_int16(values + row * inputs + i);
    last = simd::load_int8_as_int16(values + row * inputs + i + 8);
  }
  float scale(std::size_t row, std::size_t) const { return scales[row]; }
  Int8Rows from(std::size_t row) const { return {values + row * inputs, inputs, scales + row}; }
};

/// A vector as x = unit (high + low / 2^15), each run in the order in which rows unfold.
struct SplitVector {
  static constexpr float kLowUnit = 0x1p-15f;
  /// A vector of smaller numbers has no unit, and counts as 0.
  static constexpr float kNothing = 0x1p-110f;

  float unit;
  std::vector<std::int16_t> runs;  // [run][high, low][16]

  /// largest: the absolute value of the largest number in x, finite and at least kNothing.
  template <class Rows>
  SplitVector(const float* x, const Rows& rows, float largest)
      : unit(largest / 32767), runs(2 * rows.inputs) {
    const float scale = 32767 / largest;
    for (std::size_t i = 0; i < rows.inputs; ++i) {
      const float value = x[i] * scale;
      const int high = static_cast<int>(value);
      const auto low = static_cast<int>((value - static_cast<float>(high)) / kLowUnit);
      std::int16_t* run = runs.data() + i / kRun * 2 * kRun + Rows::place(i % kRun);
      run[0] = static_cast<std::int16_t>(high);
      run[kRun] = static_cast<std::int16_t>(low);
    }
  }
};

/// The products of the first `Count` rows with x.
template <std::size_t Count, class Rows>
__attribute__((noinline)) void multiply_rows(const Rows& rows, const SplitVector& x, float* y) {
  const std::int16_t* run = x.runs.data();
  F32x4 sums[Count] = {};
  for (std::size_t g = 0; g * rows.group < rows.inputs; ++g) {
    const std::size_t end = std::min(rows.inputs, (g + 1) * rows.group);
    I32x4 high[Count] = {};
    I32x4 low[Count] = {};
    for (std::size_t i = g * rows.group; i < end; i += kRun, run += 2 * kRun) {
      const I16x8 high_first = simd::load(run);
      const I16x8 high_last = simd::load(run + 8);
      const I16x8 low_first = simd::load(run + kRun);
      const I16x8 low_last = simd::load(run + kRun + 8);
      for (std::size_t r = 0; r < Count; ++r) {
        I16x8 first;
        I16x8 last;
        rows.load(r, i, first, last);
        high[r] = simd::madd_pairs(high_first, first, high[r]);
        high[r] = simd::madd_pairs(high_last, last, high[r]);
        low[r] = simd::madd_pairs(low_first, first, low[r]);
        low[r] = simd::madd_pairs(low_last, last, low[r]);
      }
    }
    for (std::size_t r = 0; r < Count; ++r) {
      const F32x4 sum =
          simd::madd(__builtin_convertvector(low[r], F32x4), simd::splat(SplitVector::kLowUnit),
                     __builtin_convertvector(high[r], F32x4));
      sums[r] = simd::madd(sum, simd::splat(rows.scale(r, g)), sums[r]);
    }
  }
  for (std::size_t r = 0; r < Count; ++r) y[r] = simd::sum(sums[r]) * x.unit;
}

template <class Rows>
void multiply(const Rows& rows, const float* x, std::size_t outputs, float* y) {
  float largest = 0;
  float zero = 0;  // unless one of x is infinite or not a number
  GRADCAM_SHORT_LOOP
  for (std::size_t i = 0; i < rows.inputs; ++i) {
    largest = std::max(largest, std::abs(x[i]));
    zero += x[i] * 0;
  }
  if (std::isnan(zero) || largest < SplitVector::kNothing) {
    std::fill_n(y, outputs, zero);
    return;
  }
  const SplitVector split(x, rows, largest);
  constexpr std::size_t kRows = 4;
  std::size_t o = 0;
  for (; o + kRows <= outputs; o += kRows) multiply_rows<kRows>(rows.from(o), split, y + o);
  for (; o < outputs; ++o) multiply_rows<1>(rows.from(o), split, y + o);
}

}  // namespace

bool integer_product_fits(std::size_t inputs, std::size_t group) {
  return inputs % kRun == 0 && group % kRun == 0 && group <= Int4Rows::kMaxGroup;
}

void multiply_int4(const std::uint8_t* w, const float* scale, std::size_t group, const float* x,
                   std::size_t outputs, std::size_t inputs, float* y) {
  multiply(Int4Rows{w, inputs, scale, group}, x, outputs, y);
}

void multiply_int8(const std::int8_t* w, const float* scale, const float* x, std::size_t outputs,
                   std::size_t inputs, float* y) {
  multiply(Int8Rows{w, inputs, scale}, x, outputs, y);
}

}  // namespace gradcam
