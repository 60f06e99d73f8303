#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gradcam/tensor/error.h"

namespace gradcam {

/// An upright 8-bit sRGB picture: row-major, top row first, three channels a pixel.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;  ///< width * height * 3 values
};

/// A black image. `kInvalidArgument` unless both sides are positive, `kOutOfMemory` if it does not
/// fit into memory.
Result<Image> make_image(int width, int height);

/// `kInvalidArgument` unless both sides are positive and `rgb` holds width * height * 3 values.
Result<void> check_image(const Image& image);

}  // namespace gradcam
