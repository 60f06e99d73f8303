#pragma once

#include <cstdint>
#include <vector>

#include "image/image.h"
#include "tensor/error.h"

namespace gradcam {

/// The image as an 8-bit RGB PNG file. `kInvalidArgument` for an inconsistent image,
/// `kImageTooLarge` beyond 500 million pixel values, `kOutOfMemory`.
Result<std::vector<std::uint8_t>> encode_png(const Image& image);

}  // namespace gradcam
