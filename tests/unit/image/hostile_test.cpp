#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

#include "image/decode.h"
#include "image_fixtures.h"

namespace gradcam::testing {
namespace {

using namespace std::string_view_literals;

std::vector<std::uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

/// Writes `value` in `count` little-endian bytes.
void put(std::vector<std::uint8_t>& bytes, std::size_t offset, std::uint32_t value, int count) {
  for (int i = 0; i < count; ++i) {
    bytes.at(offset + static_cast<std::size_t>(i)) = static_cast<std::uint8_t>(value >> 8 * i);
  }
}

ErrorCode error_code(std::span<const std::uint8_t> bytes) {
  const auto image = decode_image(bytes);
  EXPECT_FALSE(image.has_value());
  return image ? ErrorCode::kInternal : image.error().code;
}

struct Foreign {
  std::string_view bytes;
  std::string_view format;
  std::string_view named;
};

TEST(HostileImage, NamesFormatsThatAreNotRead) {
  for (const Foreign& file : {
           Foreign{"\0\0\0\x18"
                   "ftypheic\0\0\0\0mif1heic"sv,
                   "heic", "HEIC"},
           Foreign{"\0\0\0\x18"
                   "ftypmif1\0\0\0\0mif1avif"sv,
                   "avif", "AVIF"},
           Foreign{"\0\0\0\x1C"
                   "ftypavif\0\0\0\0mif1miaf"sv,
                   "avif", "AVIF"},
           Foreign{"RIFF\x24\0\0\0WEBPVP8 "sv, "webp", "WebP"},
           Foreign{"II*\0\x08\0\0\0"sv, "tiff", "TIFF"},
           Foreign{"MM\0*\0\0\0\x08"sv, "tiff", "TIFF"},
           Foreign{"\xFF\x0A\x10\x20"sv, "jxl", "JPEG XL"},
           Foreign{"\0\0\0\x0CjP  \r\n\x87\n"sv, "jp2", "JPEG 2000"},
           Foreign{"8BPS\0\1"sv, "psd", "Photoshop"},
           Foreign{"P6\n2 2\n255\n"sv, "pnm", "PNM"},
           Foreign{"<?xml version=\"1.0\"?><svg xmlns=\"\"/>"sv, "svg", "SVG"},
       }) {
    SCOPED_TRACE(file.named);
    const auto bytes = bytes_of(file.bytes);
    EXPECT_EQ(sniff_format(bytes), file.format);
    const auto image = decode_image(bytes);
    ASSERT_FALSE(image.has_value());
    EXPECT_EQ(image.error().code, ErrorCode::kUnsupportedFormat);
    EXPECT_NE(image.error().message.find(file.named), std::string::npos) << image.error().message;
    EXPECT_NE(image.error().message.find("convert it to JPEG or PNG"), std::string::npos);
  }
  for (const Foreign& file : {
           Foreign{"%PDF-1.7\n"sv, "pdf", "PDF"},
           Foreign{"PK\x03\x04\x14"sv, "zip", "ZIP"},
           Foreign{"\0\0\0\x14"
                   "ftypisom\0\0\0\0mp42"sv,
                   "video", "video"},
           Foreign{"\x1A\x45\xDF\xA3\x01"sv, "video", "video"},
           Foreign{"\x89HDF\r\n\x1A\n\0"sv, "hdf5", "HDF5"},
       }) {
    SCOPED_TRACE(file.named);
    const auto bytes = bytes_of(file.bytes);
    EXPECT_EQ(sniff_format(bytes), file.format);
    const auto image = decode_image(bytes);
    ASSERT_FALSE(image.has_value());
    EXPECT_EQ(image.error().code, ErrorCode::kUnsupportedFormat);
    const std::string& message = image.error().message;
    EXPECT_NE(message.find(file.named), std::string::npos) << message;
    EXPECT_EQ(message.find("convert"), std::string::npos) << "there is nothing to convert";
  }
}

TEST(HostileImage, TellsTextEmptyAndUnknownApart) {
  const auto message = [](std::string_view text) {
    const auto image = decode_image(bytes_of(text));
    return image ? std::string() : image.error().message;
  };
  EXPECT_NE(message("").find("the file is empty"), std::string::npos);
  EXPECT_NE(message("Dear dog,\nsit.\n").find("a text file"), std::string::npos);
  EXPECT_NE(message("BMW drivers may not apply").find("a text file"), std::string::npos);
  EXPECT_NE(message("\1\2\3\4"sv).find("no known picture format"), std::string::npos);
  EXPECT_EQ(error_code(bytes_of("")), ErrorCode::kUnsupportedFormat);
  EXPECT_EQ(error_code(bytes_of("Sit.")), ErrorCode::kUnsupportedFormat);
  EXPECT_EQ(error_code(bytes_of("\1\2\3\4"sv)), ErrorCode::kCorruptImage);
  EXPECT_EQ(sniff_format(bytes_of("Sit.")), "");
}

TEST(HostileImage, SniffsWhatItDecodes) {
  EXPECT_EQ(sniff_format(fixture("scene.png")), "png");
  EXPECT_EQ(sniff_format(fixture("cmyk.jpg")), "jpeg");
  EXPECT_EQ(sniff_format(fixture("animated.gif")), "gif");
  EXPECT_EQ(sniff_format(fixture("rgb.bmp")), "bmp");
}

TEST(HostileImage, RefusesEveryTruncation) {
  for (const std::string name :
       {"baseline.jpg", "progressive.jpg", "cmyk.jpg", "orientation_6.jpg", "scene.png",
        "interlaced.png", "rgb16.png", "palette.png", "rgb.bmp", "palette.bmp"}) {
    const auto bytes = fixture(name);
    for (std::size_t size = 1; size < bytes.size(); size += size < 200 ? 1 : 97) {
      const auto image = decode_image(std::span(bytes).first(size));
      ASSERT_FALSE(image.has_value()) << name << " cut to " << size << " bytes";
      EXPECT_FALSE(image.error().message.empty());
    }
    EXPECT_EQ(error_code(std::span(bytes).first(bytes.size() - 1)), ErrorCode::kCorruptImage);
  }
}

TEST(HostileImage, NeedsOnlyTheFirstFrameOfAGif) {
  const auto bytes = fixture("animated.gif");
  const Image whole = decoded_fixture("animated.gif");
  std::size_t shortest = 0;
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    const auto image = decode_image(std::span(bytes).first(size));
    if (!image) {
      EXPECT_EQ(shortest, 0u) << "readable at " << shortest << " bytes, not at " << size;
      continue;
    }
    if (shortest == 0) shortest = size;
    EXPECT_EQ(image->rgb, whole.rgb);
  }
  EXPECT_GT(shortest, bytes.size() / 4);
  EXPECT_LT(shortest, bytes.size() * 3 / 4);
}

TEST(HostileImage, SurvivesChangedBytes) {
  // Whether it still decodes is chance; that every answer is a picture or a sentence is not.
  for (const std::string name : {"baseline.jpg", "progressive.jpg", "ycck.jpg", "orientation_5.jpg",
                                 "scene.png", "interlaced.png", "palette.png", "animated.gif",
                                 "offset_frame.gif", "palette.bmp", "top_down.bmp"}) {
    const auto original = fixture(name);
    for (std::size_t i = 0; i < original.size(); i += i < 120 ? 1 : 13) {
      for (const std::uint8_t flip : {0x01, 0x80, 0xFF}) {
        auto bytes = original;
        bytes[i] ^= flip;
        const auto image = decode_image(bytes, {.max_side = 4000, .max_pixels = 1'000'000});
        if (image) {
          EXPECT_EQ(image->rgb.size(), std::size_t{3} * static_cast<std::size_t>(image->width) *
                                           static_cast<std::size_t>(image->height));
        } else {
          EXPECT_FALSE(image.error().message.empty());
        }
      }
    }
  }
}

TEST(HostileImage, RefusesVariantsThatWouldComeOutWrong) {
  const auto no_adobe = decode_image(fixture("cmyk_without_adobe.jpg"));
  ASSERT_FALSE(no_adobe.has_value());
  EXPECT_EQ(no_adobe.error().code, ErrorCode::kUnsupportedFormat);
  EXPECT_NE(no_adobe.error().message.find("CMYK JPEG"), std::string::npos);

  auto arithmetic = fixture("baseline.jpg");
  const auto frame = std::ranges::search(arithmetic, std::array<std::uint8_t, 2>{0xFF, 0xC0});
  ASSERT_FALSE(frame.empty());
  frame[1] = 0xC9;
  EXPECT_EQ(error_code(arithmetic), ErrorCode::kUnsupportedFormat);

  auto compressed = fixture("palette.bmp");
  put(compressed, 30, 1, 4);
  EXPECT_EQ(error_code(compressed), ErrorCode::kUnsupportedFormat);
}

TEST(HostileImage, IgnoresDamagedExif) {
  const auto original = fixture("orientation_6.jpg");
  const auto tag = std::ranges::search(original, std::array<std::uint8_t, 4>{0x01, 0x12, 0, 3});
  ASSERT_FALSE(tag.empty());
  const std::size_t entry = static_cast<std::size_t>(tag.begin() - original.begin());
  const std::size_t tiff = entry - 22;
  ASSERT_EQ(original[tiff], 'M');
  struct Change {
    std::size_t offset;
    std::uint8_t value;
  };
  for (const Change change :
       {Change{entry + 9, 0}, Change{entry + 9, 9}, Change{entry + 3, 4}, Change{entry + 7, 2},
        Change{tiff, 'X'}, Change{tiff + 3, 43}, Change{tiff + 4, 0xFF}, Change{tiff + 9, 0}}) {
    auto bytes = original;
    bytes[change.offset] = change.value;
    const auto image = decode_image(bytes);
    ASSERT_TRUE(image.has_value()) << change.offset;
    // As stored: lying on its side.
    EXPECT_EQ(image->width, 29);
    EXPECT_EQ(image->height, 40);
  }
}

TEST(HostileImage, ChecksBmpHeaders) {
  const auto original = fixture("palette.bmp");
  struct Change {
    std::size_t offset;
    std::uint32_t value;
    int bytes;
  };
  for (const Change change : {
           Change{10, 0x7FFFFFFF, 4},  // pixels start beyond the end
           Change{10, 20, 4},          // pixels start inside of the header: no colours
           Change{18, 0x80000000, 4},  // negative width
           Change{22, 0x80000000, 4},  // a height whose negative does not exist
           Change{22, 0, 4},
           Change{28, 0, 2},
           Change{28, 7, 2},
       }) {
    auto bytes = original;
    put(bytes, change.offset, change.value, change.bytes);
    const auto image = decode_image(bytes);
    EXPECT_FALSE(image.has_value()) << change.offset << " = " << change.value;
  }
}

}  // namespace
}  // namespace gradcam::testing
