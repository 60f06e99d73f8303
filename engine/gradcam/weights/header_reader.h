#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "gradcam/tensor/error.h"
#include "gradcam/weights/safetensors.h"

namespace gradcam::internal {

/// The element type of that name ("F32"), if the specification has one.
std::optional<DType> dtype_from_name(std::string_view name);

/// Reads the JSON of a header in one pass, without a document tree: every entry has the specified
/// fields and types and no name occurs twice. Sizes and offsets are as the file states them,
/// unchecked; `data_offset` is left at 0.
Result<SafetensorsHeader> read_header_json(std::span<const std::uint8_t> json);

}  // namespace gradcam::internal
