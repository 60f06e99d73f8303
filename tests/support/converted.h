#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "gradcam/vgg16/plan_conversion.h"
#include "gradcam/weights/convert_model.h"

namespace gradcam::testing {

using Bytes = std::vector<std::uint8_t>;

inline Result<Bytes> convert(const Bytes& file, const ConvertOptions& options) {
  GRADCAM_TRY(const SafetensorsHeader header, parse_safetensors_header(file, file.size()));
  GRADCAM_TRY(ModelConverter converter, ModelConverter::create(header, options));
  Bytes out;
  GRADCAM_CHECK_OK(convert_model(
      converter,
      [&file](std::uint64_t offset, std::span<std::uint8_t> bytes) -> Result<void> {
        std::ranges::copy(std::span(file).subspan(offset, bytes.size()), bytes.begin());
        return {};
      },
      [&out](std::span<const std::uint8_t> bytes) -> Result<void> {
        out.insert(out.end(), bytes.begin(), bytes.end());
        return {};
      }));
  return out;
}

/// A model file in numbers of another precision.
inline Result<Bytes> convert(const Bytes& file, Precision precision) {
  GRADCAM_TRY(const SafetensorsHeader header, parse_safetensors_header(file, file.size()));
  GRADCAM_TRY(const ConvertOptions options, plan_conversion(header, precision, {}));
  return convert(file, options);
}

}  // namespace gradcam::testing
