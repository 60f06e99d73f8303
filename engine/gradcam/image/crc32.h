#pragma once

#include <cstdint>
#include <span>

namespace gradcam {

/// The check sum of PNG's chunks (ISO 3309).
std::uint32_t crc32(std::span<const std::uint8_t> bytes);

}  // namespace gradcam
