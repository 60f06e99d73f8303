#pragma once

#include <cstdint>
#include <span>

#include "gradcam/tensor/error.h"
#include "gradcam/tensor/float16.h"
#include "gradcam/weights/safetensors.h"

/// Number formats of weights in files.
namespace gradcam {

/// Converts the bytes of a tensor of F64 (rounded to nearest), F32, F16 or BF16, which need not be
/// aligned. kInvalidArgument for any other type or if `bytes` does not hold `out.size()` elements;
/// kCorruptModel, naming the position, for a value that is not finite as float32.
Result<void> to_float32(DType dtype, std::span<const std::uint8_t> bytes, std::span<float> out);

/// The same for a tensor of F16 that stays so.
Result<void> to_float16(std::span<const std::uint8_t> bytes, std::span<Float16> out);

}  // namespace gradcam
