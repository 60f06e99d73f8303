#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace gradcam {

/// So much room does a `ZlibWriter` need at most for so many bytes.
std::size_t zlib_bound(std::size_t bytes);

/// Makes a zlib stream (RFC 1950) of bytes that come piece by piece.
///
/// Made for the filtered rows of photos, in which hardly anything is repeated: of DEFLATE (RFC
/// 1951) it uses codes made for each block, and runs of a byte. That is smaller, and several times
/// faster, than a search for repetitions with the fixed codes.
class ZlibWriter {
 public:
  /// Appends the stream to `out`, which must outlive this; with room for `zlib_bound` it never
  /// grows.
  explicit ZlibWriter(std::vector<std::uint8_t>& out);

  void write(std::span<const std::uint8_t> bytes);

  /// Once, after all.
  void finish();

  /// Those that do not fill a byte, or four, yet.
  struct Bits {
    std::uint64_t bits = 0;
    int count = 0;
  };

 private:
  void end_block(bool is_last);
  void add_to_checksum(std::span<const std::uint8_t> bytes);

  std::vector<std::uint8_t>& out_;
  std::vector<std::uint8_t> block_;
  Bits waiting_;
  std::array<std::uint32_t, 2> checksum_ = {1, 0};
};

/// What was compressed to such a DEFLATE stream without a header, if it is of that size; nothing
/// for a damaged one. In decode.cpp, since it is stb_image's.
std::optional<std::vector<std::uint8_t>> inflate(std::span<const std::uint8_t> deflated,
                                                 std::size_t bytes);

}  // namespace gradcam
