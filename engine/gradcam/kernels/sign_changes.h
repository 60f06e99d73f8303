#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gradcam/kernels/rounded_product.h"
#include "gradcam/tensor/tensor.h"

namespace gradcam {

/// Finds out of many changes d[r] of a layer's input those that may turn the sign of one of its
/// sums z[o], and with it what a ReLU does to it. Behind all others the ReLU stays linear, so that
/// their products with the weights need not be known one by one.
///
/// Weights and changes are rounded to few bits, W' and d'. By the inequality of Cauchy and Schwarz
/// |W d - W' d'| <= |W| |d - d'| + |W - W'| |d'|, so none is missed.
class SignChanges {
 public:
  /// Outputs at a time.
  static constexpr std::size_t kOutputs = 8;

  /// The rows r for each of eight outputs.
  using Found = std::array<std::vector<std::uint32_t>, kOutputs>;

  /// changes: [rows, inputs]
  static Result<SignChanges> of(const Tensor& changes,
                                const rounded::Kernels& kernels = rounded::kernels().back());

  /// w: `count` rows of W, z: their sums, before the changes. Overwrites what was found.
  void find(const float* w, const float* z, std::size_t count, Found& found);

 private:
  /// Multiples of a step, from -most to most, are stored with an offset.
  struct Range {
    std::int32_t most = 0;
    std::int32_t offset = 0;
  };

  /// A row of numbers that was rounded to multiples of `step`.
  struct Rounding {
    float step = 0;
    float norm = 0;         // of the numbers, root of the sum of squares
    float error = 0;        // the same of what they differ by from their multiples
    std::uint32_t sum = 0;  // of the multiples, modulo 2^32
  };

  explicit SignChanges(const rounded::Kernels& kernels) : kernels_(kernels) {}

  /// Word k goes to words[k * stride].
  Rounding round(const float* values, const Range& range, std::uint32_t* words,
                 std::size_t stride) const;
  template <std::size_t kNumbers>
  Rounding round_row(const float* values, const Range& range, std::uint32_t* words,
                     std::size_t stride) const;

  rounded::Kernels kernels_;
  std::size_t inputs_ = 0;
  Range weight_range_ = {};
  Range change_range_ = {};
  std::vector<Rounding> changes_;
  rounded::Product product_ = {};
  AlignedArray<std::uint32_t> x_;
  AlignedArray<std::uint32_t> panel_;
  AlignedArray<std::int32_t> y_;
};

}  // namespace gradcam
