#include "gradcam/image/decode.h"

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "gradcam/image/container.h"
#include "gradcam/image/zlib.h"
#include "gradcam/tensor/tensor.h"

namespace {

/// What a buffer that the decoder enlarges as it goes may take: a small PNG may unpack to
/// gigabytes.
struct Growth {
  std::size_t limit = 0;
  bool exceeded = false;
};
thread_local Growth growth;

void* grow(void* pointer, std::size_t size) {
  growth.exceeded |= size > growth.limit;
  return growth.exceeded ? nullptr : std::realloc(pointer, size);
}

}  // namespace

// The only place that includes stb_image. Its functions are static, so that a program that embeds
// this library may have its own copy; its assertions are off, since no input may abort.
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ASSERT(condition) ((void)0)
// Zeroed memory: what a damaged file leaves unset must not depend on what was there before.
#define STBI_MALLOC(size) std::calloc(1, size)
#define STBI_REALLOC(pointer, size) grow(pointer, size)
#define STBI_FREE(pointer) std::free(pointer)
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_GIF
#define STBI_ONLY_BMP
// Damaged JPEG data make stb_image 2.27 (2022) shift by too much and overflow sums of coefficients.
// That only changes the colours of a damaged picture, so sanitizers need not stop there; accesses
// out of bounds they do see.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("shift", "signed-integer-overflow"))), \
                             apply_to = function)
#endif
// WebAssembly's compiler has the intrinsics of this processor.
#if defined(__wasm__) && defined(__SSE2__)
#define STBI__X64_TARGET
#endif
#include <stb_image.h>
#if defined(__clang__)
#pragma clang attribute pop
#endif

namespace gradcam {
namespace {

std::uint8_t over_white(std::uint32_t value, std::uint32_t alpha) {
  return static_cast<std::uint8_t>((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

/// Writes one pixel of 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels as RGB.
template <int kChannels>
void write_rgb(const std::uint8_t* from, std::uint8_t* to) {
  constexpr bool kColour = kChannels >= 3;
  constexpr bool kAlpha = kChannels % 2 == 0;
  for (int c = 0; c < 3; ++c) {
    const std::uint8_t value = from[kColour ? c : 0];
    to[c] = kAlpha ? over_white(value, from[kChannels - 1]) : value;
  }
}

template <int kChannels>
void write_upright(const std::uint8_t* pixels, int width, int height, int orientation,
                   Image& image) {
  // EXIF's orientations are a transposition (5 to 8), then mirrorings of the upright axes.
  const bool transposed = orientation >= 5;
  const bool mirror_x =
      orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool mirror_y =
      orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const std::ptrdiff_t right = mirror_x ? -3 : 3;
  const std::ptrdiff_t row = std::ptrdiff_t{3} * image.width;
  const std::ptrdiff_t down = mirror_y ? -row : row;
  const std::ptrdiff_t step_x = transposed ? down : right;
  const std::ptrdiff_t step_y = transposed ? right : down;
  std::uint8_t* const origin =
      image.rgb.data() + (mirror_x ? row - 3 : 0) + (mirror_y ? row * (image.height - 1) : 0);
  // In tiles, since a transposition writes down the columns.
  constexpr int kTile = 32;
  for (int tile_y = 0; tile_y < height; tile_y += kTile) {
    for (int tile_x = 0; tile_x < width; tile_x += kTile) {
      for (int y = tile_y; y < std::min(tile_y + kTile, height); ++y) {
        const std::uint8_t* from = pixels + (std::ptrdiff_t{y} * width + tile_x) * kChannels;
        std::uint8_t* to = origin + y * step_y + tile_x * step_x;
        for (int x = tile_x; x < std::min(tile_x + kTile, width);
             ++x, from += kChannels, to += step_x) {
          write_rgb<kChannels>(from, to);
        }
      }
    }
  }
}

Result<Image> upright_image(const std::uint8_t* pixels, int width, int height, int channels,
                            int orientation) {
  const bool transposed = orientation >= 5;
  GRADCAM_TRY(Image image, make_image(transposed ? height : width, transposed ? width : height));
  if (channels == 3 && orientation == 1) {
    std::memcpy(image.rgb.data(), pixels, image.rgb.size());
  } else if (channels == 1) {
    write_upright<1>(pixels, width, height, orientation, image);
  } else if (channels == 2) {
    write_upright<2>(pixels, width, height, orientation, image);
  } else if (channels == 3) {
    write_upright<3>(pixels, width, height, orientation, image);
  } else {
    write_upright<4>(pixels, width, height, orientation, image);
  }
  return image;
}

std::unexpected<Error> decoder_error() {
  if (growth.exceeded) {
    return fail(ErrorCode::kCorruptImage,
                "the picture's data are damaged (they unpack to more than its pixels)");
  }
  const char* reason = stbi_failure_reason();
  const std::string_view found = reason == nullptr ? "unknown reason" : reason;
  if (found == "outofmem") {
    return fail(ErrorCode::kOutOfMemory, "not enough memory to decode the picture");
  }
  if (found == "too large") {
    return fail(ErrorCode::kImageTooLarge, "the picture is too large to decode");
  }
  return fail(ErrorCode::kCorruptImage,
              "the picture's data are damaged (" + std::string(found) + ")");
}

struct FreePixels {
  void operator()(stbi_uc* pixels) const { stbi_image_free(pixels); }
};

/// What a picture is decoded for.
enum class Use { kPhoto, kMask };

/// Puts a byte a pixel in the place of the pixels: 255 for what decode_mask has as white, else 0.
Result<void> make_mask(stbi_uc* pixels, std::size_t count, int channels) {
  const bool has_alpha = channels % 2 == 0;
  const auto alpha = [&](std::size_t i) { return pixels[(i + 1) * channels - 1]; };
  bool is_transparent = false;
  for (std::size_t i = 0; has_alpha && i < count; ++i) is_transparent |= alpha(i) < 255;
  stbi_uc least = 255;
  stbi_uc most = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const stbi_uc* colours = pixels + i * channels;
    const stbi_uc level =
        is_transparent ? alpha(i) : *std::max_element(colours, colours + channels - has_alpha);
    pixels[i] = level;  // what was there has been seen
    least = std::min(least, level);
    most = std::max(most, level);
  }
  if (most == 0) {
    return fail(ErrorCode::kInvalidArgument, std::string("it shows nothing, all of it is ") +
                                                 (is_transparent ? "transparent" : "black"));
  }
  constexpr int kMostNumber = 15;  // brighter ones are shades of grey
  const bool is_numbers = !is_transparent && most <= kMostNumber;
  if (is_numbers && least > 0 && least < most) {
    return fail(ErrorCode::kInvalidArgument, "its values go from " + std::to_string(least) +
                                                 " to " + std::to_string(most) +
                                                 ", so that none is the background, which is 0");
  }
  const int threshold = is_numbers ? 1 : (most + 1) / 2;
  for (std::size_t i = 0; i < count; ++i) pixels[i] = pixels[i] >= threshold ? 255 : 0;
  return {};
}

Result<Image> decode_pixels(std::span<const std::uint8_t> bytes,
                            const internal::Container& container, Use use) {
  // The decoder allocates what it reads in the header itself: it must have read the same.
  const int size = static_cast<int>(bytes.size());
  growth = {.limit = SIZE_MAX};
  int width = 0, height = 0, channels = 0;
  if (stbi_info_from_memory(bytes.data(), size, &width, &height, &channels) == 0) {
    return decoder_error();
  }
  // A BMP with its top row first has a negative height here.
  if (width != container.width || std::abs(std::int64_t{height}) != container.height) {
    return fail(ErrorCode::kCorruptImage, "the picture's headers contradict each other");
  }
  // Twice the file as it is put together, or twice the pixels with a byte more for each of the
  // rows, since both buffers double.
  const std::uint64_t channel_bytes = stbi_is_16_bit_from_memory(bytes.data(), size) ? 2 : 1;
  const std::uint64_t row = static_cast<std::uint64_t>(width) * 4 * channel_bytes + 8;
  const std::uint64_t unpacked = row * static_cast<std::uint64_t>(container.height);
  constexpr std::uint64_t kSlack = 1 << 16;
  growth = {.limit = static_cast<std::size_t>(std::min<std::uint64_t>(
                2 * std::max<std::uint64_t>(unpacked, bytes.size()) + kSlack, SIZE_MAX))};
  const std::unique_ptr<stbi_uc, FreePixels> pixels(
      stbi_load_from_memory(bytes.data(), size, &width, &height, &channels, 0));
  if (pixels == nullptr) return decoder_error();
  if (container.ignores_alpha && channels == 4) {
    const auto values = static_cast<std::size_t>(4 * container.width * container.height);
    for (std::size_t alpha = 3; alpha < values; alpha += 4) pixels.get()[alpha] = 255;
  }
  if (use == Use::kMask) {
    const std::size_t count = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
    GRADCAM_CHECK_OK(make_mask(pixels.get(), count, channels));
    channels = 1;
  }
  return upright_image(pixels.get(), width, height, channels, container.orientation);
}

Result<Image> decode(std::span<const std::uint8_t> bytes, const DecodeLimits& limits, Use use) {
  GRADCAM_CHECK_OK(check_format(bytes));
  const std::string_view format = sniff_format(bytes);
  if (bytes.size() > INT_MAX) {
    return fail(ErrorCode::kImageTooLarge,
                "the file is larger than the limit of " + std::to_string(INT_MAX) + " bytes");
  }
  GRADCAM_TRY(const internal::Container container,
              internal::inspect_container(bytes, format, limits));
  constexpr std::size_t kGifBackground = 11;
  if (format == "gif" && bytes[kGifBackground] != 0) {
    // Where no frame draws, a GIF is transparent, as browsers have it; the decoder fills in the
    // background colour (with red and blue exchanged) unless its index is 0.
    if (!can_allocate(bytes.size())) {
      return fail(ErrorCode::kOutOfMemory, "not enough memory to decode the picture");
    }
    std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
    copy[kGifBackground] = 0;
    return decode_pixels(copy, container, use);
  }
  return decode_pixels(bytes, container, use);
}

}  // namespace

Result<Image> decode_image(std::span<const std::uint8_t> bytes, const DecodeLimits& limits) {
  return decode(bytes, limits, Use::kPhoto);
}

Result<Image> decode_mask(std::span<const std::uint8_t> bytes, const DecodeLimits& limits) {
  return decode(bytes, limits, Use::kMask);
}

Result<Image> image_from_rgba(std::span<const std::uint8_t> rgba, int width, int height,
                              std::size_t stride) {
  if (width > 0 && height > 0) {
    GRADCAM_CHECK_OK(internal::check_limits(width, height, {}));
  }
  const std::size_t row = 4 * static_cast<std::size_t>(std::max(width, 0));
  const std::size_t apart = stride == 0 ? row : stride;
  const auto rows = static_cast<std::size_t>(std::max(height, 0));
  const bool fits = row > 0 && rows > 0 && apart >= row && rgba.size() >= row &&
                    (rgba.size() - row) / apart >= rows - 1 &&
                    (stride != 0 || rgba.size() == row * rows);
  if (!fits) {
    return fail(ErrorCode::kInvalidArgument,
                "a picture of " + std::to_string(width) + " x " + std::to_string(height) +
                    " pixels cannot have " + std::to_string(rgba.size()) + " RGBA values" +
                    (stride == 0 ? "" : ", " + std::to_string(stride) + " from row to row"));
  }
  GRADCAM_TRY(Image image, make_image(width, height));
  std::uint8_t* to = image.rgb.data();
  for (std::size_t y = 0; y < rows; ++y) {
    const auto pixels = rgba.subspan(y * apart, row);
    for (std::size_t i = 0; i < row; i += 4, to += 3) write_rgb<4>(&pixels[i], to);
  }
  return image;
}

std::optional<std::vector<std::uint8_t>> inflate(std::span<const std::uint8_t> deflated,
                                                 std::size_t bytes) {
  // stb_image takes no code from the last bytes: it expects the checksum of a zlib stream there.
  std::vector<std::uint8_t> stream(deflated.begin(), deflated.end());
  stream.resize(stream.size() + sizeof(std::uint32_t));
  if (stream.size() > INT_MAX || bytes > INT_MAX) return std::nullopt;
  std::vector<std::uint8_t> inflated(bytes);
  const int size = stbi_zlib_decode_noheader_buffer(
      reinterpret_cast<char*>(inflated.data()), static_cast<int>(bytes),
      reinterpret_cast<const char*>(stream.data()), static_cast<int>(stream.size()));
  if (std::cmp_not_equal(size, bytes)) return std::nullopt;
  return inflated;
}

}  // namespace gradcam
