#pragma once

#include <cstdint>
#include <string_view>

#include "gradcam/image/bytes.h"
#include "gradcam/image/decode.h"
#include "gradcam/tensor/error.h"

namespace gradcam::internal {

/// What the headers of an image file say, read without touching pixels.
struct Container {
  std::int64_t width = 0;  ///< As stored, before the orientation is applied.
  std::int64_t height = 0;
  int orientation = 1;         ///< EXIF's 1..8.
  bool ignores_alpha = false;  ///< Whether the fourth byte of a pixel has no meaning.
};

/// `kImageTooLarge`, naming the size and the limit, for a picture beyond it.
Result<void> check_limits(std::int64_t width, std::int64_t height, const DecodeLimits& limits);

/// Walks the structure of a "jpeg", "png", "gif" or "bmp" file: its size is checked against the
/// limits as soon as it is read; then to its end, so that a truncated file is known before its
/// decoder guesses at the missing pixels, and variants that the decoder lacks or gets wrong are
/// refused by name. `kImageTooLarge`, `kCorruptImage` or `kUnsupportedFormat`.
Result<Container> inspect_container(Bytes bytes, std::string_view format,
                                    const DecodeLimits& limits);

}  // namespace gradcam::internal
