#include <algorithm>
#include <array>
#include <string>

#include "gradcam/image/bytes.h"
#include "gradcam/image/decode.h"

namespace gradcam {
namespace internal {
namespace {

/// A format known by the bytes that its files start with.
struct Magic {
  std::size_t offset;
  std::string_view bytes;
  std::string_view format;
};

using namespace std::string_view_literals;

constexpr auto kMagics = std::to_array<Magic>({
    {0, "\xFF\xD8\xFF"sv, "jpeg"},
    {0, "\x89PNG\r\n\x1A\n"sv, "png"},
    {0, "GIF87a"sv, "gif"},
    {0, "GIF89a"sv, "gif"},
    {8, "WEBP"sv, "webp"},
    {0, "\xFF\x0A"sv, "jxl"},
    {0, "\0\0\0\x0CJXL \r\n\x87\n"sv, "jxl"},
    {0, "\0\0\0\x0CjP  \r\n\x87\n"sv, "jp2"},
    {0, "\xFF\x4F\xFF\x51"sv, "jp2"},
    {0, "FUJIFILMCCD-RAW"sv, "raw"},
    {4, "ftypcrx "sv, "raw"},
    {0, "IIU\0"sv, "raw"},
    {0, "IIRO"sv, "raw"},
    {0, "II*\0"sv, "tiff"},
    {0, "MM\0*"sv, "tiff"},
    {0, "II+\0"sv, "tiff"},
    {0, "MM\0+"sv, "tiff"},
    {0, "8BPS"sv, "psd"},
    {0, "\0\0\1\0"sv, "ico"},
    {0, "\x76\x2F\x31\x01"sv, "exr"},
    {0, "#?RADIANCE"sv, "hdr"},
    {0, "%PDF-"sv, "pdf"},
    {0, "PK\x03\x04"sv, "zip"},
    {0, "\x89HDF\r\n\x1A\n"sv, "hdf5"},
    {0, "\x1A\x45\xDF\xA3"sv, "video"},
});

/// What a person calls a format that is not decoded.
struct Description {
  std::string_view format;
  std::string_view name;
  bool is_picture = true;
};

constexpr auto kDescriptions = std::to_array<Description>({
    {"webp", "a WebP picture"},
    {"heic", "a HEIC picture"},
    {"avif", "an AVIF picture"},
    {"tiff", "a TIFF picture or a camera's raw file"},
    {"jxl", "a JPEG XL picture"},
    {"jp2", "a JPEG 2000 picture"},
    {"psd", "a Photoshop file"},
    {"ico", "an icon file"},
    {"pnm", "a PNM picture"},
    {"exr", "an OpenEXR picture"},
    {"hdr", "a Radiance HDR picture"},
    {"raw", "a camera's raw file"},
    {"svg", "an SVG drawing"},
    {"pdf", "a PDF document", false},
    {"video", "a video", false},
    {"zip", "a ZIP archive", false},
    {"hdf5", "an HDF5 file", false},
});

/// The pictures and videos of the ISO base media format: brands of four letters, the main one at
/// 8, compatible ones from 16 to the end of the box.
std::string_view sniff_media(Bytes bytes) {
  constexpr auto kHeif = std::to_array<std::string_view>(
      {"heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "msf1"});
  if (!has_text(bytes, 4, "ftyp")) return "";
  const std::size_t box = read_uint(bytes, 0, 4, std::endian::big).value_or(0);
  bool is_heif = false;
  for (std::size_t brand = 8; brand + 4 <= std::min({box, bytes.size(), std::size_t{256}});
       brand += brand == 8 ? 8 : 4) {
    if (has_text(bytes, brand, "avif") || has_text(bytes, brand, "avis")) return "avif";
    is_heif |= std::ranges::any_of(
        kHeif, [&](std::string_view name) { return has_text(bytes, brand, name); });
  }
  return is_heif ? "heic" : "video";
}

constexpr bool is_space(std::uint8_t byte) {
  return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/// Whether the beginning looks like text in ASCII, UTF-8 or another superset of ASCII.
bool is_text(Bytes bytes) {
  const Bytes start = bytes.first(std::min<std::size_t>(bytes.size(), 512));
  return std::ranges::all_of(start, [](std::uint8_t byte) {
    return is_space(byte) || byte == '\f' || (byte >= 0x20 && byte != 0x7F);
  });
}

/// SVG has no magic number: it is text with an <svg> element near its beginning.
bool is_svg(Bytes bytes) {
  const Bytes start = bytes.first(std::min<std::size_t>(bytes.size(), 1024));
  return is_text(bytes) && !std::ranges::search(start, "<svg"sv, {}, {}, [](char letter) {
                              return static_cast<std::uint8_t>(letter);
                            }).empty();
}

bool is_decodable(std::string_view format) {
  return format == "jpeg" || format == "png" || format == "gif" || format == "bmp";
}

}  // namespace
}  // namespace internal

std::string_view sniff_format(std::span<const std::uint8_t> bytes) {
  using namespace internal;
  for (const Magic& magic : kMagics) {
    if (has_text(bytes, magic.offset, magic.bytes)) return magic.format;
  }
  // Two letters alone would take many a text for a picture: look at the header's length, too.
  if (has_text(bytes, 0, "BM") && read_uint(bytes, 15, 3, std::endian::little) == 0u) return "bmp";
  if (bytes.size() > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7' &&
      is_space(bytes[2])) {
    return "pnm";
  }
  if (const std::string_view media = sniff_media(bytes); !media.empty()) return media;
  return is_svg(bytes) ? "svg" : "";
}

Result<void> check_format(std::span<const std::uint8_t> bytes) {
  using namespace internal;
  const std::string_view format = sniff_format(bytes);
  if (is_decodable(format)) return {};
  constexpr std::string_view kExpected = "; a picture such as a JPEG or PNG is expected";
  const auto known = std::ranges::find(kDescriptions, format, &Description::format);
  if (known != kDescriptions.end()) {
    const std::string what = "this is " + std::string(known->name);
    return fail(ErrorCode::kUnsupportedFormat,
                known->is_picture ? what + ", which cannot be read here; convert it to JPEG or PNG"
                                  : what + std::string(kExpected));
  }
  if (bytes.empty()) {
    return fail(ErrorCode::kUnsupportedFormat, "the file is empty" + std::string(kExpected));
  }
  if (is_text(bytes)) {
    return fail(ErrorCode::kUnsupportedFormat, "this is a text file" + std::string(kExpected));
  }
  return fail(ErrorCode::kCorruptImage,
              "the data are of no known picture format" + std::string(kExpected));
}

}  // namespace gradcam
