#pragma once

#include <cstddef>
#include <cstdint>

/// Rows of signed 4-bit integers, -8 to 7, two in a byte. A row has whole blocks of eight numbers
/// in four bytes: byte b holds number b in its low half and number b + 4 in its high half, both in
/// two's complement, so that a block unfolds into two vectors of four.
namespace gradcam {

inline constexpr std::size_t kInt4Block = 8;
inline constexpr int kInt4Min = -8;
inline constexpr int kInt4Max = 7;

/// Number `i` of a row.
inline int int4_at(const std::uint8_t* row, std::size_t i) {
  const std::uint8_t pair = row[i / kInt4Block * 4 + i % 4];
  const int half = i % kInt4Block < 4 ? pair & 15 : pair >> 4;
  return (half ^ 8) - 8;
}

/// Sets number `i` of a row that has been 0 there.
inline void set_int4(std::uint8_t* row, std::size_t i, int value) {
  const int half = i % kInt4Block < 4 ? value & 15 : (value & 15) << 4;
  std::uint8_t& pair = row[i / kInt4Block * 4 + i % 4];
  pair = static_cast<std::uint8_t>(pair | half);
}

}  // namespace gradcam
