#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>

#include "gradcam/tensor/tensor.h"
#include "gradcam/vgg16/member.h"

/// What the parts of a Member have in common: member.cpp (what it has, and what it does next),
/// member_messages.cpp, member_forward.cpp, member_backward.cpp and member_gather.cpp.
namespace gradcam {

/// Max-pools between the input and the input of block4_conv1.
inline constexpr std::size_t kStripPools = 3;

/// Floats of a row of [H, W, C].
inline std::size_t row_floats(const Tensor& map) { return map.dim(1) * map.dim(2); }

/// Copies part [rows, range] into the columns `range` of the matrix whole [rows, columns].
inline void set_columns(std::span<const float> part, Range range, std::size_t columns,
                        Tensor& whole) {
  if (range.empty()) return;
  float* target = whole.data() + range.begin;
  for (; !part.empty(); part = part.subspan(range.size())) {
    std::copy_n(part.data(), range.size(), target);
    target += columns;
  }
}

/// The columns `range` of the matrix whole [..., columns].
inline Result<Tensor> get_columns(const Tensor& whole, Range range) {
  Shape shape = whole.shape();
  const std::size_t columns = std::exchange(shape.back(), range.size());
  GRADCAM_TRY(Tensor part, Tensor::uninitialized(shape));
  if (range.empty()) return part;
  const float* source = whole.data() + range.begin;
  for (std::size_t i = 0; i < part.size(); i += range.size()) {
    std::copy_n(source, range.size(), part.data() + i);
    source += columns;
  }
  return part;
}

inline void add(std::span<const float> values, Tensor& sum) {
  std::ranges::transform(values, sum.values(), sum.data(), std::plus<float>());
}

/// Whether members have only a part each of a map layer's output before pooling.
inline bool is_divided(std::size_t map_layer) {
  return map_layer < kStripLayers || (map_layer < kConvLayers && kEndsBlock[map_layer]);
}

}  // namespace gradcam
