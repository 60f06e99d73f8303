#include "gradcam/image/png.h"

// The only place that includes stb_image_write; static for the reason given in decode.cpp.
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#define STBIW_ASSERT(condition) ((void)0)
#include <stb_image_write.h>

#include <algorithm>
#include <array>
#include <string>

namespace gradcam {
namespace {

// The signature and IHDR come first in every PNG file.
constexpr std::size_t kHeaderBytes = 33;
constexpr std::string_view kKeyword("tEXtSoftware\0", 13);

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
  // The encoder counts bytes in int, and doubles its buffer.
  constexpr std::size_t kMaxValues = 500'000'000;
  if (image.rgb.size() > kMaxValues) {
    return fail(ErrorCode::kImageTooLarge, "the picture is too large to be written as PNG");
  }
  const auto out_of_memory = [] {
    return fail(ErrorCode::kOutOfMemory, "not enough memory to write the picture as PNG");
  };
  // The encoder does not survive a failure to grow its buffers: at most the filtered rows, the
  // output, its copy while it grows, and the result.
  constexpr std::uint64_t kOverhead = 8 << 20;
  if (!can_allocate(std::uint64_t{4} * image.rgb.size() + kOverhead)) return out_of_memory();

  std::vector<std::uint8_t> png;
  const auto append = [](void* context, void* data, int size) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    static_cast<std::vector<std::uint8_t>*>(context)->assign(bytes, bytes + size);
  };
  if (stbi_write_png_to_func(append, &png, image.width, image.height, 3, image.rgb.data(),
                             image.width * 3) == 0) {
    return out_of_memory();
  }
  if (!software.empty()) {
    const std::vector<std::uint8_t> chunk = software_chunk(software);
    png.insert(png.begin() + kHeaderBytes, chunk.begin(), chunk.end());
  }
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
