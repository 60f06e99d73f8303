#include "gradcam/image/crc32.h"

#include <array>
#include <cstddef>

namespace gradcam {
namespace {

/// How many bytes are taken at once: several times as fast as one by one.
constexpr std::size_t kSlices = 8;

using CrcTables = std::array<std::array<std::uint32_t, 256>, kSlices>;

/// [i][b]: the CRC-32 of the byte b with i zeros behind it. Made when it is first needed, since a
/// page would have to load it.
const CrcTables& crc_tables() {
  static const CrcTables tables = [] {
    CrcTables made{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      std::uint32_t rest = byte;
      for (int bit = 0; bit < 8; ++bit) rest = rest >> 1 ^ (rest & 1 ? 0xedb88320 : 0);
      made[0][byte] = rest;
    }
    for (std::size_t i = 1; i < kSlices; ++i) {
      for (std::size_t byte = 0; byte < 256; ++byte) {
        const std::uint32_t before = made[i - 1][byte];
        made[i][byte] = before >> 8 ^ made[0][before & 0xff];
      }
    }
    return made;
  }();
  return tables;
}

}  // namespace

std::uint32_t crc32(std::span<const std::uint8_t> bytes) {
  const CrcTables& tables = crc_tables();
  std::uint32_t rest = 0xffffffff;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= kSlices; at += kSlices, left -= kSlices) {
    const auto byte = [&](std::size_t i) { return std::uint32_t{at[i]}; };
    rest ^= byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
    rest = tables[7][rest & 0xff] ^ tables[6][rest >> 8 & 0xff] ^ tables[5][rest >> 16 & 0xff] ^
           tables[4][rest >> 24] ^ tables[3][at[4]] ^ tables[2][at[5]] ^ tables[1][at[6]] ^
           tables[0][at[7]];
  }
  for (; left > 0; ++at, --left) rest = rest >> 8 ^ tables[0][(rest ^ *at) & 0xff];
  return ~rest;
}

}  // namespace gradcam
