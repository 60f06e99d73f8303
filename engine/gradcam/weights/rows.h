#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
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

}  // namespace gradcam
