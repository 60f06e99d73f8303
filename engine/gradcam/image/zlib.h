#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace gradcam {

/// At most so many bytes does `zlib_compress` make of so many.
std::size_t zlib_bound(std::size_t bytes);

/// Writes a zlib stream (RFC 1950) of the bytes to `out`, which has room for `zlib_bound` of them;
/// returns how many it has.
///
/// Made for the filtered rows of photos, in which hardly anything is repeated: of DEFLATE (RFC
/// 1951) it uses codes made for each block, and runs of a byte. That is smaller, and several
/// times faster, than a search for repetitions with the fixed codes.
std::size_t zlib_compress(std::span<const std::uint8_t> bytes, std::uint8_t* out);

}  // namespace gradcam
