#include "gradcam/image/png.h"

#include <cstdlib>

#include "gradcam/image/zlib.h"

namespace {

/// In the place of the encoder's own: what it wants, null or what it can free.
unsigned char* compress(const unsigned char* data, int size, int* compressed_size,
                        int /*quality*/) {
  const auto bytes = static_cast<std::size_t>(size);
  auto* const out = static_cast<unsigned char*>(std::malloc(gradcam::zlib_bound(bytes)));
  if (out == nullptr) return nullptr;
  *compressed_size = static_cast<int>(gradcam::zlib_compress({data, bytes}, out));
  return out;
}

}  // namespace

// The only place that includes stb_image_write; static for the reason given in decode.cpp.
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#define STBIW_ZLIB_COMPRESS compress
#define STBIW_ASSERT(condition) ((void)0)
#include <stb_image_write.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

namespace gradcam {
namespace {

// The signature and IHDR come first in every PNG file.
constexpr std::size_t kHeaderBytes = 33;
constexpr std::string_view kKeyword("tEXtSoftware\0", 13);

// Paeth's filter for all rows: browsers take twice as long to try all five, and photos lose 1 %.
[[maybe_unused]] const int kFilter = stbi_write_force_png_filter = 4;

std::array<std::uint8_t, 4> big_endian(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
          static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

/// A tEXt chunk, https://www.w3.org/TR/png/#11tEXt.
std::vector<std::uint8_t> software_chunk(std::string_view software) {
  std::string text(kKeyword);
  text += software;
  std::vector<std::uint8_t> chunk(4 + text.size());
  std::ranges::copy(big_endian(static_cast<std::uint32_t>(text.size() - 4)), chunk.begin());
  std::ranges::copy(text, chunk.begin() + 4);
  const std::uint32_t crc = stbiw__crc32(chunk.data() + 4, static_cast<int>(text.size()));
  const auto last = big_endian(crc);
  chunk.insert(chunk.end(), last.begin(), last.end());
  return chunk;
}

}  // namespace

Result<std::vector<std::uint8_t>> encode_png(const Image& image, std::string_view software) {
  GRADCAM_CHECK_OK(check_image(image));
  // The encoder counts bytes in int.
  constexpr std::size_t kMaxValues = 500'000'000;
  if (image.rgb.size() > kMaxValues) {
    return fail(ErrorCode::kImageTooLarge, "the picture is too large to be written as PNG");
  }
  int size = 0;
  const std::unique_ptr<unsigned char, decltype(&std::free)> encoded(
      stbi_write_png_to_mem(image.rgb.data(), image.width * 3, image.width, image.height, 3, &size),
      std::free);
  const std::span bytes(encoded.get(), static_cast<std::size_t>(size));
  constexpr std::uint64_t kMostForChunk = 1 << 10;
  if (encoded == nullptr || !can_allocate(bytes.size() + kMostForChunk)) {
    return fail(ErrorCode::kOutOfMemory, "not enough memory to write the picture as PNG");
  }
  const auto chunk = software.empty() ? std::vector<std::uint8_t>() : software_chunk(software);
  std::vector<std::uint8_t> png;
  png.reserve(bytes.size() + chunk.size());
  png.assign(bytes.begin(), bytes.begin() + kHeaderBytes);
  png.insert(png.end(), chunk.begin(), chunk.end());
  png.insert(png.end(), bytes.begin() + kHeaderBytes, bytes.end());
  return png;
}

std::string_view png_software(std::span<const std::uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with("\x89PNG") || text.size() < kHeaderBytes + 4) return {};
  const std::string_view chunk = text.substr(kHeaderBytes + 4);
  if (!chunk.starts_with(kKeyword)) return {};
  const std::size_t end = 4u + static_cast<std::uint8_t>(text[kHeaderBytes + 3]);
  return chunk.substr(kKeyword.size(), std::max(end, kKeyword.size()) - kKeyword.size());
}

}  // namespace gradcam
