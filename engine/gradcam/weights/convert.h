#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "gradcam/tensor/error.h"
#include "gradcam/tensor/float16.h"
#include "gradcam/weights/safetensors.h"

/// Number formats and memory layouts of weights. `to_float32` and `to_float16`, which are fed from
/// files, check the sizes of spans; elsewhere they are the caller's responsibility.
namespace gradcam {

/// Converts the bytes of a tensor of F64 (rounded to nearest), F32, F16 or BF16, which need not be
/// aligned. kInvalidArgument for any other type or if `bytes` does not hold `out.size()` elements;
/// kCorruptModel, naming the position, for a value that is not finite as float32.
Result<void> to_float32(DType dtype, std::span<const std::uint8_t> bytes, std::span<float> out);

/// The same for a tensor of F16 that stays so.
Result<void> to_float16(std::span<const std::uint8_t> bytes, std::span<Float16> out);

/// One output's weights of a convolution or of fc1, from PyTorch's column order over [channels,
/// rows, cols] to [rows, cols, channels]. Going row by row, a file's fc1 needs no second copy of
/// itself.
template <class T>
void chw_columns_to_hwc(std::type_identity_t<std::span<const T>> row_in, std::size_t channels,
                        std::size_t rows, std::size_t cols, std::span<T> row_out) {
  const std::size_t positions = rows * cols;
  for (std::size_t position = 0; position < positions; ++position) {
    for (std::size_t c = 0; c < channels; ++c) {
      row_out[position * channels + c] = row_in[c * positions + position];
    }
  }
}

}  // namespace gradcam
