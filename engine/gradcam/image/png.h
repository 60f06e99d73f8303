#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "gradcam/image/image.h"
#include "gradcam/tensor/error.h"

namespace gradcam {

/// The image as an 8-bit RGB PNG file. `kInvalidArgument` for an inconsistent image,
/// `kImageTooLarge` beyond 500 million pixel values, `kOutOfMemory`.
/// @param software what the file says that it was made by, for `png_software`; ASCII
Result<std::vector<std::uint8_t>> encode_png(const Image& image, std::string_view software = {});

/// What a PNG file that `encode_png` has written was made by, from its first bytes, of which 256
/// are enough; empty for any other file.
std::string_view png_software(std::span<const std::uint8_t> bytes);

}  // namespace gradcam
