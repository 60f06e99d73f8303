#include "gradcam/kernels/sign_changes.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "gradcam/kernels/gemm_tile.h"
#include "gradcam/kernels/simd.h"

namespace gradcam {
namespace {

using simd::F32x4;
using simd::I32x4;

static_assert(SignChanges::kOutputs == kTileColumns);

// Sums of as many products of bytes fit into 32 bits.
constexpr std::size_t kMostInputs = std::numeric_limits<std::int32_t>::max() / (127 * 255);

// For the rounding of the bounds themselves.
constexpr float kSlack = 1.01f;

/// Calls visit(i, four values from i on), with zeros behind the last.
template <class Visit>
inline void for_each_four(const float* values, std::size_t count, Visit&& visit) {
  std::size_t i = 0;
  for (; i + simd::kLanes <= count; i += simd::kLanes) visit(i, simd::load(values + i));
  if (i == count) return;
  float rest[simd::kLanes] = {};
  std::copy_n(values + i, count - i, rest);
  visit(i, simd::load(rest));
}

}  // namespace

template <std::size_t kNumbers>
SignChanges::Rounding SignChanges::round_row(const float* values, const Range& range,
                                             std::uint32_t* words, std::size_t stride) const {
  F32x4 peaks = {};
  for_each_four(values, inputs_,
                [&](std::size_t, F32x4 v) { peaks = simd::max(peaks, simd::max(v, -v)); });
  const float peak = std::max({peaks[0], peaks[1], peaks[2], peaks[3]});
  constexpr float kNothing = 1e-30f;  // its inverse still is a number
  const float step = peak < kNothing ? 0 : peak / static_cast<float>(range.most);
  const F32x4 inverse = simd::splat(step > 0 ? 1 / step : 0.0f);
  F32x4 squares = {};
  F32x4 errors = {};
  simd::U32x4 sums = {};
  for_each_four(values, inputs_, [&](std::size_t i, F32x4 v) {
    // Adding it leaves no bits but those of the nearest whole number.
    constexpr float kWhole = 0x1.8p23f;
    const F32x4 sum = simd::madd(v, inverse, simd::splat(kWhole));
    const F32x4 error = v - (sum - simd::splat(kWhole)) * simd::splat(step);
    squares = simd::madd(v, v, squares);
    errors = simd::madd(error, error, errors);
    const I32x4 whole = reinterpret_cast<I32x4>(sum) - std::bit_cast<std::int32_t>(kWhole);
    sums += reinterpret_cast<simd::U32x4>(whole);  // which may be anything of what is not finite
    const I32x4 numbers = whole + range.offset;
    if constexpr (kNumbers == 4) {
      const auto bytes = __builtin_convertvector(numbers, simd::I8x4);
      std::memcpy(words + i / 4 * stride, &bytes, sizeof bytes);
    } else {
      const auto halves = __builtin_convertvector(numbers, simd::I16x4);
      std::uint32_t two[2];
      std::memcpy(two, &halves, sizeof halves);
      words[i / 2 * stride] = two[0];
      words[(i / 2 + 1) * stride] = two[1];
    }
  });
  return {.step = step,
          .norm = std::sqrt(simd::sum(squares)),
          .error = std::sqrt(simd::sum(errors)),
          .sum = sums[0] + sums[1] + sums[2] + sums[3]};
}

Result<SignChanges> SignChanges::of(const Tensor& changes, const rounded::Kernels& kernels) {
  SignChanges self(kernels);
  const std::size_t rows = changes.dim(0);
  self.inputs_ = changes.dim(1);
  if (self.inputs_ > kMostInputs) {
    return fail(ErrorCode::kInvalidArgument,
                "products of " + std::to_string(self.inputs_) + " numbers do not fit 32 bits");
  }
  if (kernels.numbers == 4) {
    const std::int32_t half = kernels.largest / 2;
    self.weight_range_ = {.most = 127, .offset = 0};
    self.change_range_ = {.most = half, .offset = half};  // so that none is negative
  } else {
    constexpr double kLargest = std::numeric_limits<std::int32_t>::max();
    const double most = std::sqrt(kLargest / std::max(1.0, static_cast<double>(self.inputs_)));
    self.weight_range_ = {.most = static_cast<std::int32_t>(std::min(most, 2047.0)), .offset = 0};
    self.change_range_ = self.weight_range_;
  }
  const std::size_t fours = (self.inputs_ + simd::kLanes - 1) / simd::kLanes;
  const std::size_t words = fours * simd::kLanes / kernels.numbers;
  const std::size_t pitch = (words + 31) / 32 * 32 + 16;  // an odd number of cache lines
  GRADCAM_TRY(self.x_, allocate_array<std::uint32_t>(rows * pitch));
  GRADCAM_TRY(self.panel_, allocate_array<std::uint32_t>(words * kOutputs));
  GRADCAM_TRY(self.y_, allocate_array<std::int32_t>(rows * kOutputs));
  self.product_ = {.x = self.x_.get(),
                   .rows = rows,
                   .pitch = pitch,
                   .panel = self.panel_.get(),
                   .words = words,
                   .y = self.y_.get()};
  for (std::size_t r = 0; r < rows; ++r) {
    self.changes_.push_back(self.round(changes.data() + r * self.inputs_, self.change_range_,
                                       self.x_.get() + r * pitch, 1));
  }
  return self;
}

SignChanges::Rounding SignChanges::round(const float* values, const Range& range,
                                         std::uint32_t* words, std::size_t stride) const {
  return kernels_.numbers == 4 ? round_row<4>(values, range, words, stride)
                               : round_row<2>(values, range, words, stride);
}

void SignChanges::find(const float* w, const float* z, std::size_t count, Found& found) {
  // Of each output: how far it is from zero, and what a change of a row takes away of that.
  struct Output {
    float distance = std::numeric_limits<float>::infinity();
    float factor = 0;
    float norm = 0;
    float error = 0;
    std::uint32_t offset = 0;
  };
  for (auto& rows : found) rows.clear();
  std::array<Output, kOutputs> outputs;
  for (std::size_t o = 0; o < count; ++o) {
    const Rounding weights = round(w + o * inputs_, weight_range_, panel_.get() + o, kOutputs);
    outputs[o] = {.distance = std::abs(z[o]),
                  .factor = z[o] > 0 ? weights.step : -weights.step,
                  .norm = kSlack * weights.norm,
                  .error = kSlack * weights.error,
                  .offset = static_cast<std::uint32_t>(change_range_.offset) * weights.sum};
  }
  kernels_.multiply(product_);
  const auto lanes = [&](std::size_t first, auto member) {
    return std::array{outputs[first].*member, outputs[first + 1].*member,
                      outputs[first + 2].*member, outputs[first + 3].*member};
  };
  for (std::size_t first = 0; first < count; first += simd::kLanes) {
    const auto distance = std::bit_cast<F32x4>(lanes(first, &Output::distance));
    const auto factor = std::bit_cast<F32x4>(lanes(first, &Output::factor));
    const auto norm = std::bit_cast<F32x4>(lanes(first, &Output::norm));
    const auto error = std::bit_cast<F32x4>(lanes(first, &Output::error));
    const auto offset = std::bit_cast<I32x4>(lanes(first, &Output::offset));
    for (std::size_t r = 0; r < changes_.size(); ++r) {
      const Rounding& change = changes_[r];
      I32x4 product;
      std::memcpy(&product, y_.get() + r * kOutputs + first, sizeof product);
      product -= offset;
      const F32x4 left = simd::madd(__builtin_convertvector(product, F32x4),
                                    factor * simd::splat(change.step), distance);
      const F32x4 bound = simd::madd(norm, simd::splat(change.error),
                                     error * simd::splat(change.norm + change.error));
      const I32x4 is_certain = left > bound;  // false of what is not a number
      if (simd::all(is_certain)) continue;
      for (std::size_t lane = 0; lane < simd::kLanes; ++lane) {
        if (is_certain[lane] == 0) found[first + lane].push_back(static_cast<std::uint32_t>(r));
      }
    }
  }
}

}  // namespace gradcam
