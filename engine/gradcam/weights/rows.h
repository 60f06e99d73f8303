#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "gradcam/tensor/error.h"
#include "gradcam/tensor/float16.h"
#include "gradcam/weights/names.h"

namespace gradcam {

/// Elements of a row (an output) of a tensor.
std::size_t row_elements(const Shape& shape);

/// A row of a layer's weights in WeightFormat::kFloat, from the file's bytes and layout to float32
/// and [3, 3, I] or [I]. Errors as to_float32. `scratch` is for reuse.
Result<void> read_float_row(const WeightMap& map, std::size_t layer, DType dtype,
                            std::span<const std::uint8_t> bytes, std::vector<float>& scratch,
                            std::span<float> out);

/// The same for a file's F16 that stays so.
Result<void> read_float16_row(const WeightMap& map, std::size_t layer,
                              std::span<const std::uint8_t> bytes, std::vector<Float16>& scratch,
                              std::span<Float16> out);

/// One output's weights of a convolution or of fc1, from PyTorch's column order over [channels,
/// positions] to [positions, channels]. Going row by row, a file's fc1 needs no second copy of
/// itself.
template <class T>
void chw_columns_to_hwc(std::type_identity_t<std::span<const T>> row_in, std::size_t positions,
                        std::span<T> row_out) {
  const std::size_t channels = row_in.size() / positions;
  for (std::size_t position = 0; position < positions; ++position) {
    for (std::size_t c = 0; c < channels; ++c) {
      row_out[position * channels + c] = row_in[c * positions + position];
    }
  }
}

}  // namespace gradcam
