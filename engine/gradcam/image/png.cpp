#include "gradcam/image/png.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "gradcam/image/crc32.h"
#include "gradcam/image/zlib.h"
#include "gradcam/tensor/tensor.h"

/// PNG files as in https://www.w3.org/TR/png/: 8 bits RGB, not interlaced.
namespace gradcam {
namespace {

constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";
// With IHDR, which always comes first.
constexpr std::size_t kPngHeaderBytes = 33;
constexpr std::string_view kKeyword("Software\0", 9);

constexpr std::size_t kPixelBytes = 3;
constexpr std::uint8_t kPaeth = 4;

using Bytes = std::vector<std::uint8_t>;

void append(Bytes& png, std::string_view text) { png.insert(png.end(), text.begin(), text.end()); }

std::array<std::uint8_t, 4> big_endian(std::size_t value) {
  return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
          static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

void append(Bytes& png, std::size_t value) {
  const auto bytes = big_endian(value);
  png.insert(png.end(), bytes.begin(), bytes.end());
}

/// A chunk in the making, at the end of a file.
class Chunk {
 public:
  Chunk(Bytes& png, std::string_view name) : png_(png), begin_(png.size()) {
    append(png, std::size_t{0});
    append(png, name);
  }

  void end() {
    const auto named = std::span(png_).subspan(begin_ + 4);
    std::ranges::copy(big_endian(named.size() - 4),
                      png_.begin() + static_cast<std::ptrdiff_t>(begin_));
    append(png_, std::size_t{crc32(named)});
  }

 private:
  Bytes& png_;
  std::size_t begin_;
};

/// A row less what its neighbours to the left and above make likely, by the filter of Paeth. To try
/// all filters on each row takes browsers twice as long, for 1 % less of photos.
void filter_row(const std::uint8_t* row, const std::uint8_t* above, std::size_t bytes,
                std::uint8_t* out) {
  for (std::size_t i = 0; i < kPixelBytes; ++i)
    out[i] = static_cast<std::uint8_t>(row[i] - above[i]);
  for (std::size_t i = kPixelBytes; i < bytes; ++i) {
    const int left = row[i - kPixelBytes];
    const int up = above[i];
    const int corner = above[i - kPixelBytes];
    const int to_left = std::abs(up - corner);
    const int to_up = std::abs(left - corner);
    const int to_corner = std::abs(left + up - 2 * corner);
    const int nearest = to_up <= to_corner ? up : corner;
    const int guess = to_left <= to_up && to_left <= to_corner ? left : nearest;
    out[i] = static_cast<std::uint8_t>(row[i] - guess);
  }
}

void append_rows(Bytes& png, const Image& image) {
  const std::size_t row_bytes = static_cast<std::size_t>(image.width) * kPixelBytes;
  const Bytes nothing(row_bytes);
  Bytes filtered(1 + row_bytes);
  filtered[0] = kPaeth;
  ZlibWriter zlib(png);
  const std::uint8_t* above = nothing.data();
  const std::uint8_t* row = image.rgb.data();
  for (int y = 0; y < image.height; ++y) {
    filter_row(row, above, row_bytes, filtered.data() + 1);
    zlib.write(filtered);
    above = row;
    row += row_bytes;
  }
  zlib.finish();
}

}  // namespace

Result<std::vector<std::uint8_t>> encode_png(const Image& image, std::string_view software) {
  GRADCAM_CHECK_OK(check_image(image));
  // The length of a chunk has 31 bits.
  constexpr std::size_t kMaxValues = 500'000'000;
  if (image.rgb.size() > kMaxValues) {
    return fail(ErrorCode::kImageTooLarge, "the picture is too large to be written as PNG");
  }
  constexpr std::size_t kOtherChunks = 1 << 10;
  const std::size_t most = zlib_bound(image.rgb.size() + static_cast<std::size_t>(image.height)) +
                           software.size() + kOtherChunks;
  constexpr std::size_t kBuffers = 1 << 20;
  if (!can_allocate(std::uint64_t{most} + kBuffers)) {
    return fail(ErrorCode::kOutOfMemory, "not enough memory to write the picture as PNG");
  }
  Bytes png;
  png.reserve(most);
  append(png, kSignature);
  Chunk header(png, "IHDR");
  append(png, static_cast<std::size_t>(image.width));
  append(png, static_cast<std::size_t>(image.height));
  append(png, std::string_view("\x08\x02\0\0\0", 5));  // bits, RGB, and what has but one value
  header.end();
  if (!software.empty()) {
    Chunk text(png, "tEXt");
    append(png, kKeyword);
    append(png, software);
    text.end();
  }
  Chunk data(png, "IDAT");
  append_rows(png, image);
  data.end();
  Chunk(png, "IEND").end();
  return png;
}

std::string_view png_software(std::span<const std::uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with("\x89PNG") || text.size() < kPngHeaderBytes + 4) return {};
  const std::string_view chunk = text.substr(kPngHeaderBytes + 4);
  if (!chunk.starts_with("tEXt") || !chunk.substr(4).starts_with(kKeyword)) return {};
  const std::size_t begin = 4 + kKeyword.size();
  const std::size_t end = 4u + static_cast<std::uint8_t>(text[kPngHeaderBytes + 3]);
  return chunk.substr(begin, std::max(end, begin) - begin);
}

}  // namespace gradcam
