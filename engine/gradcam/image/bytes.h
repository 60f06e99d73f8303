#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace gradcam::internal {

using Bytes = std::span<const std::uint8_t>;

/// The unsigned integer in the `width` (1..4) bytes at `offset`, or nothing if they reach past the
/// end.
inline std::optional<std::uint32_t> read_uint(Bytes bytes, std::size_t offset, std::size_t width,
                                              std::endian order) {
  if (offset > bytes.size() || width > bytes.size() - offset) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    value = value << 8 | bytes[offset + (order == std::endian::big ? i : width - 1 - i)];
  }
  return value;
}

/// Whether `bytes` hold `text` at `offset`.
inline bool has_text(Bytes bytes, std::size_t offset, std::string_view text) {
  if (offset > bytes.size() || text.size() > bytes.size() - offset) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (bytes[offset + i] != static_cast<std::uint8_t>(text[i])) return false;
  }
  return true;
}

}  // namespace gradcam::internal
