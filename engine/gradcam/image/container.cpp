#include "gradcam/image/container.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <string>

#include "gradcam/image/crc32.h"
#include "gradcam/image/exif.h"

namespace gradcam::internal {
namespace {

constexpr auto kBig = std::endian::big;
constexpr auto kLittle = std::endian::little;

std::unexpected<Error> truncated(std::string_view format) {
  return fail(ErrorCode::kCorruptImage,
              "the " + std::string(format) + " data end early: the file is cut off or incomplete");
}

std::unexpected<Error> unsupported(std::string_view what) {
  return fail(ErrorCode::kUnsupportedFormat, "this is " + std::string(what) +
                                                 ", which cannot be read here; "
                                                 "convert it to an ordinary JPEG or PNG");
}

/// The position of the first marker (its second byte) at or after `position`, or the size of
/// `bytes`. In entropy-coded data 0xFF00 is a stuffed byte and 0xFFD0..D7 are restart markers,
/// which both belong to the data; outside of it they are skipped as padding.
std::size_t next_jpeg_marker(Bytes bytes, std::size_t position) {
  while (position < bytes.size()) {
    const void* found = std::memchr(bytes.data() + position, 0xFF, bytes.size() - position);
    if (found == nullptr) return bytes.size();
    position = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - bytes.data());
    while (position < bytes.size() && bytes[position] == 0xFF) ++position;
    if (position == bytes.size()) return position;
    const std::uint8_t marker = bytes[position];
    if (marker != 0x00 && (marker < 0xD0 || marker > 0xD7)) return position;
  }
  return position;
}

/// Whether a DHT segment's tables have at most the 256 codes that there are values for. The decoder
/// of 2022 does not check that before it fills a table of that size.
bool has_sound_huffman_tables(Bytes segment) {
  constexpr std::size_t kLengths = 16;
  while (!segment.empty()) {
    if (segment.size() < 1 + kLengths) return false;
    const Bytes counts = segment.subspan(1, kLengths);
    const std::size_t codes = std::accumulate(counts.begin(), counts.end(), std::size_t{0});
    if (codes > 256 || segment.size() < 1 + kLengths + codes) return false;
    segment = segment.subspan(1 + kLengths + codes);
  }
  return true;
}

Result<Container> inspect_jpeg(Bytes bytes, const DecodeLimits& limits) {
  // A progressive picture has about ten scans; each costs a pass over all of its coefficients.
  constexpr int kMaxScans = 200;

  Container container;
  bool has_frame = false;
  bool has_exif = false;
  bool has_adobe = false;
  std::uint32_t components = 0;
  int scans = 0;
  for (std::size_t position = 2;;) {
    position = next_jpeg_marker(bytes, position);
    if (position == bytes.size()) return truncated("JPEG");
    const std::uint8_t marker = bytes[position++];
    if (marker == 0xD9) break;                       // EOI
    if (marker == 0xD8 || marker == 0x01) continue;  // SOI, TEM: no content
    const auto length = read_uint(bytes, position, 2, kBig);
    if (!length || *length > bytes.size() - position) return truncated("JPEG");
    if (*length < 2) return fail(ErrorCode::kCorruptImage, "the JPEG data have an empty segment");
    const Bytes segment = bytes.subspan(position + 2, *length - 2);
    position += *length;

    const bool is_frame =
        marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (is_frame && !has_frame) {
      if (marker > 0xC2) return unsupported("a lossless or arithmetic-coded JPEG");
      const auto precision = read_uint(segment, 0, 1, kBig);
      const auto height = read_uint(segment, 1, 2, kBig);
      const auto width = read_uint(segment, 3, 2, kBig);
      components = read_uint(segment, 5, 1, kBig).value_or(0);
      if (!precision || !height || !width) return truncated("JPEG");
      if (*precision != 8) return unsupported("a JPEG of " + std::to_string(*precision) + " bits");
      container.width = *width;
      container.height = *height;
      GRADCAM_CHECK_OK(check_limits(container.width, container.height, limits));
      has_frame = true;
    } else if (marker == 0xE1 && !has_exif && has_text(segment, 0, {"Exif\0\0", 6})) {
      container.orientation = exif_orientation(segment.subspan(6));
      has_exif = true;
    } else if (marker == 0xC4 && !has_sound_huffman_tables(segment)) {
      return fail(ErrorCode::kCorruptImage, "the JPEG data have a damaged Huffman table");
    } else if (marker == 0xEE && has_text(segment, 0, "Adobe")) {
      has_adobe = true;
    } else if (marker == 0xDA && ++scans > kMaxScans) {
      return fail(ErrorCode::kCorruptImage,
                  "the JPEG has more than " + std::to_string(kMaxScans) + " scans");
    }
  }
  if (!has_frame || scans == 0) {
    return fail(ErrorCode::kCorruptImage, "the JPEG holds no picture");
  }
  // Without the marker nothing says whether the inks are inverted; the decoder would guess wrong.
  if (components == 4 && !has_adobe) return unsupported("a CMYK JPEG without an Adobe marker");
  return container;
}

Result<Container> inspect_png(Bytes bytes, const DecodeLimits& limits) {
  constexpr std::size_t kFrame = 12;  // length, type and check sum
  Container container;
  bool has_pixels = false;
  for (std::size_t position = 8;;) {
    const auto length = read_uint(bytes, position, 4, kBig);
    if (!length || bytes.size() - position < kFrame || *length > bytes.size() - position - kFrame) {
      return truncated("PNG");
    }
    const Bytes chunk = bytes.subspan(position, kFrame + *length);
    position += chunk.size();
    const auto is_sound = [&] {
      return read_uint(chunk, 8 + *length, 4, kBig) == crc32(chunk.subspan(4, 4 + *length));
    };

    if (has_text(chunk, 4, "CgBI")) return unsupported("a PNG in Apple's own variant");
    // A capital letter begins what no decoder may do without; the transparency is drawn, too.
    if (((chunk[4] & 0x20) == 0 || has_text(chunk, 4, "tRNS")) && !is_sound()) {
      return fail(ErrorCode::kCorruptImage, "the PNG data are damaged (a check sum is wrong)");
    }
    if (container.width == 0) {
      if (!has_text(chunk, 4, "IHDR") || *length != 13) {
        return fail(ErrorCode::kCorruptImage, "the PNG does not start with its header");
      }
      container.width = read_uint(chunk, 8, 4, kBig).value_or(0);
      container.height = read_uint(chunk, 12, 4, kBig).value_or(0);
      if (container.width == 0 || container.height == 0) {
        return fail(ErrorCode::kCorruptImage, "the PNG holds no picture");
      }
      GRADCAM_CHECK_OK(check_limits(container.width, container.height, limits));
    } else if (has_text(chunk, 4, "eXIf") && is_sound()) {
      container.orientation = exif_orientation(chunk.subspan(8, *length));
    } else if (has_text(chunk, 4, "IDAT")) {
      has_pixels = true;
    } else if (has_text(chunk, 4, "IEND")) {
      if (!has_pixels) return fail(ErrorCode::kCorruptImage, "the PNG holds no picture");
      return container;
    }
  }
}

/// The position after a GIF's chain of sub-blocks, or nothing if it does not end in the file.
std::optional<std::size_t> skip_gif_blocks(Bytes bytes, std::size_t position) {
  while (position < bytes.size()) {
    const std::size_t length = bytes[position++];
    if (length == 0) return position;
    position += length;
  }
  return std::nullopt;
}

Result<Container> inspect_gif(Bytes bytes, const DecodeLimits& limits) {
  constexpr auto table_bytes = [](std::uint32_t flags) -> std::size_t {
    return (flags & 0x80) != 0 ? std::size_t{6} << (flags & 7) : 0;
  };
  const auto width = read_uint(bytes, 6, 2, kLittle);
  const auto height = read_uint(bytes, 8, 2, kLittle);
  const auto flags = read_uint(bytes, 10, 1, kLittle);
  if (!width || !height || !flags) return truncated("GIF");
  GRADCAM_CHECK_OK(check_limits(*width, *height, limits));
  std::size_t position = 13 + table_bytes(*flags);
  for (;;) {
    const auto block = read_uint(bytes, position, 1, kLittle);
    if (!block) return truncated("GIF");
    if (*block == 0x21) {  // an extension: its label, then sub-blocks
      const auto next = skip_gif_blocks(bytes, position + 2);
      if (!next) return truncated("GIF");
      position = *next;
    } else if (*block == 0x2C) {  // the first frame: descriptor, colours, code size, sub-blocks
      const auto frame_flags = read_uint(bytes, position + 9, 1, kLittle);
      if (!frame_flags) return truncated("GIF");
      if (!skip_gif_blocks(bytes, position + 11 + table_bytes(*frame_flags))) {
        return truncated("GIF");
      }
      return Container{.width = *width, .height = *height};
    } else {
      return fail(ErrorCode::kCorruptImage, "the GIF holds no picture");
    }
  }
}

Result<Container> inspect_bmp(Bytes bytes, const DecodeLimits& limits) {
  const auto offset = read_uint(bytes, 10, 4, kLittle);
  const auto header = read_uint(bytes, 14, 4, kLittle);
  const auto raw_width = read_uint(bytes, 18, 4, kLittle);
  const auto raw_height = read_uint(bytes, 22, 4, kLittle);
  const auto bits = read_uint(bytes, 28, 2, kLittle);
  const auto compression = read_uint(bytes, 30, 4, kLittle);
  if (!offset || !header || !raw_width || !raw_height || !bits || !compression) {
    return truncated("BMP");
  }
  if (*header < 40) return unsupported("an OS/2 bitmap");
  constexpr std::array<std::uint32_t, 6> kBits = {1, 4, 8, 16, 24, 32};
  if (std::ranges::find(kBits, *bits) == kBits.end()) {
    return fail(ErrorCode::kCorruptImage,
                "the BMP has " + std::to_string(*bits) + " bits a pixel, which no BMP has");
  }
  if (*compression != 0 && *compression != 3) return unsupported("a compressed BMP");
  const std::int64_t width = static_cast<std::int32_t>(*raw_width);
  // A negative height means that the top row comes first.
  const std::int64_t height = std::abs(std::int64_t{static_cast<std::int32_t>(*raw_height)});
  if (width <= 0 || height == 0) {
    return fail(ErrorCode::kCorruptImage, "the BMP holds no picture");
  }
  GRADCAM_CHECK_OK(check_limits(width, height, limits));
  const std::int64_t row_bytes = (width * *bits + 7) / 8;
  const std::int64_t stride = (row_bytes + 3) / 4 * 4;
  const std::int64_t size = static_cast<std::int64_t>(bytes.size());
  // Division, as the product may exceed 64 bits. Only the last row may go without its padding.
  if (*offset > size || (height - 1) > (size - *offset) / std::max<std::int64_t>(stride, 1) ||
      *offset + stride * (height - 1) + row_bytes > size) {
    return truncated("BMP");
  }
  if (*bits <= 8) {
    // The decoder does not check pixels against the number of colours.
    const std::int64_t colours = (std::int64_t{*offset} - 14 - *header) / 4;
    const std::uint32_t mask = (1u << *bits) - 1;
    std::int64_t highest = 0;
    for (std::int64_t y = 0; y < height; ++y) {
      const Bytes row = bytes.subspan(static_cast<std::size_t>(*offset + y * stride),
                                      static_cast<std::size_t>(row_bytes));
      for (const std::uint32_t byte : row) {
        for (std::uint32_t rest = byte; rest != 0; rest >>= *bits) {
          highest = std::max<std::int64_t>(highest, rest & mask);
        }
      }
    }
    if (highest >= colours) {
      return fail(ErrorCode::kCorruptImage, "the BMP uses more colours than it lists");
    }
  }
  return Container{
      .width = width, .height = height, .ignores_alpha = *bits == 32 && *compression == 0};
}

}  // namespace

Result<void> check_limits(std::int64_t width, std::int64_t height, const DecodeLimits& limits) {
  const std::string found = "the picture is " + std::to_string(width) + " x " +
                            std::to_string(height) + " pixels, more than the limit of ";
  if (width > limits.max_side || height > limits.max_side) {
    return fail(ErrorCode::kImageTooLarge,
                found + std::to_string(limits.max_side) + " pixels a side; make it smaller");
  }
  // Both are at most 2^32, so that only their product needs care.
  if (height > limits.max_pixels / std::max<std::int64_t>(width, 1)) {
    constexpr std::int64_t kMillion = 1'000'000;
    const bool is_round = limits.max_pixels % kMillion == 0;
    return fail(ErrorCode::kImageTooLarge,
                found + std::to_string(limits.max_pixels / (is_round ? kMillion : 1)) +
                    (is_round ? " million" : "") + " pixels in all; make it smaller");
  }
  return {};
}

Result<Container> inspect_container(Bytes bytes, std::string_view format,
                                    const DecodeLimits& limits) {
  if (format == "jpeg") return inspect_jpeg(bytes, limits);
  if (format == "png") return inspect_png(bytes, limits);
  if (format == "gif") return inspect_gif(bytes, limits);
  if (format == "bmp") return inspect_bmp(bytes, limits);
  return fail(ErrorCode::kUnsupportedFormat, "no reader for this format");
}

}  // namespace gradcam::internal
