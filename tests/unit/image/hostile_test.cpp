#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gradcam/image/crc32.h"
#include "gradcam/image/decode.h"
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
  bool is_picture = true;
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
           Foreign{"II+\0\x08\0\0\0"sv, "tiff", "TIFF"},
           Foreign{"MM\0+\0\x08\0\0"sv, "tiff", "TIFF"},
           Foreign{"FUJIFILMCCD-RAW 0201"sv, "raw", "a camera's raw file"},
           Foreign{"\0\0\0\x18"
                   "ftypcrx \0\0\0\1crx isom"sv,
                   "raw", "a camera's raw file"},
           Foreign{"IIU\0\x08\0\0\0"sv, "raw", "a camera's raw file"},
           Foreign{"IIRO\x08\0\0\0"sv, "raw", "a camera's raw file"},
           Foreign{"\xFF\x0A\x10\x20"sv, "jxl", "JPEG XL"},
           Foreign{"\0\0\0\x0CJXL \r\n\x87\n"sv, "jxl", "JPEG XL"},
           Foreign{"\0\0\0\x0CjP  \r\n\x87\n"sv, "jp2", "JPEG 2000"},
           Foreign{"\xFF\x4F\xFF\x51\0\x2F"sv, "jp2", "JPEG 2000"},
           Foreign{"8BPS\0\1"sv, "psd", "Photoshop"},
           Foreign{"\0\0\1\0\1\0"sv, "ico", "an icon"},
           Foreign{"\x76\x2F\x31\x01\2\0\0\0"sv, "exr", "OpenEXR"},
           Foreign{"#?RADIANCE\n"sv, "hdr", "Radiance"},
           Foreign{"P6\n2 2\n255\n"sv, "pnm", "PNM"},
           Foreign{"<?xml version=\"1.0\"?><svg xmlns=\"\"/>"sv, "svg", "SVG"},
           Foreign{"%PDF-1.7\n"sv, "pdf", "PDF", false},
           Foreign{"PK\x03\x04\x14"sv, "zip", "ZIP", false},
           Foreign{"\0\0\0\x14"
                   "ftypisom\0\0\0\0mp42"sv,
                   "video", "video", false},
           Foreign{"\x1A\x45\xDF\xA3\x01"sv, "video", "video", false},
           Foreign{"\x89HDF\r\n\x1A\n\0"sv, "hdf5", "HDF5", false},
       }) {
    SCOPED_TRACE(file.named);
    const auto bytes = bytes_of(file.bytes);
    EXPECT_EQ(sniff_format(bytes), file.format);
    const auto image = decode_image(bytes);
    ASSERT_FALSE(image.has_value());
    EXPECT_EQ(image.error().code, ErrorCode::kUnsupportedFormat);
    EXPECT_NE(image.error().message.find(file.named), std::string::npos) << image.error().message;
    const bool is_to_be_converted =
        image.error().message.find("convert it to JPEG or PNG") != std::string::npos;
    EXPECT_EQ(is_to_be_converted, file.is_picture) << image.error().message;
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

TEST(HostileImage, KnowsByTheFirstBytesWhatItRefuses) {
  for (const std::string name : {"scene.png", "cmyk.jpg", "animated.gif", "rgb.bmp"}) {
    const auto bytes = fixture(name);
    EXPECT_TRUE(check_format(std::span(bytes).first(32)).has_value()) << name;
  }
  for (const std::string_view text : {"%PDF-1.7\n"sv, "Sit."sv, ""sv, "\1\2\3\4"sv}) {
    const auto bytes = bytes_of(text);
    const auto format = check_format(bytes);
    const auto image = decode_image(bytes);
    ASSERT_FALSE(format.has_value() || image.has_value()) << text;
    EXPECT_EQ(format.error().code, image.error().code);
    EXPECT_EQ(format.error().message, image.error().message);
  }
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

/// What says how a photo is turned is not needed to draw it, so that it may be damaged.
TEST(HostileImage, IgnoresExifOfAPngWithAWrongCheckSum) {
  const auto original = fixture("orientation_6.png");
  const std::string_view type = "eXIf";
  const auto found = std::ranges::search(original, type);
  ASSERT_FALSE(found.empty());
  const auto at = static_cast<std::size_t>(found.begin() - original.begin());
  const std::size_t length = std::size_t{original[at - 2]} << 8 | original[at - 1];
  for (std::size_t i = 0; i < 4; ++i) {
    auto bytes = original;
    bytes.at(at + type.size() + length + i) ^= 1;
    const auto image = decode_image(bytes);
    ASSERT_TRUE(image.has_value()) << image.error().message;
    // As stored: lying on its side.
    EXPECT_EQ(image->width, 29);
    EXPECT_EQ(image->height, 40);
  }
}

/// As Pillow does.
TEST(HostileImage, TurnsAJpegAsTheFirstOfItsExifSegmentsSays) {
  const auto original = fixture("orientation_6.jpg");
  const std::array<std::uint8_t, 4> entry = {0x01, 0x12, 0, 3};  // of the orientation
  const auto text = std::ranges::search(original, "Exif"sv);
  ASSERT_FALSE(text.empty());
  const auto begin = text.begin() - 4;  // its marker and its length
  ASSERT_EQ(begin[0], 0xFF);
  ASSERT_EQ(begin[1], 0xE1);
  const auto end = begin + 2 + (std::ptrdiff_t{begin[2]} << 8 | begin[3]);
  std::vector<std::uint8_t> upright(begin, end);
  const auto tag = std::ranges::search(upright, entry);
  ASSERT_FALSE(tag.empty());
  ASSERT_EQ(tag.begin()[9], 6);
  tag.begin()[9] = 1;
  const Image turned = decoded_fixture("orientation_6.jpg");
  for (const bool is_first : {false, true}) {
    auto bytes = original;
    bytes.insert(bytes.begin() + ((is_first ? begin : end) - original.begin()), upright.begin(),
                 upright.end());
    const auto image = decode_image(bytes);
    ASSERT_TRUE(image.has_value()) << image.error().message;
    EXPECT_EQ(image->width, is_first ? 29 : 40);
    EXPECT_EQ(image->height, is_first ? 40 : 29);
    if (!is_first) {
      EXPECT_EQ(image->rgb, turned.rgb);
    }
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

/// A picture of one pixel, of two colours, the last of which is number 1.
TEST(HostileImage, RefusesColoursThatABmpDoesNotList) {
  for (const std::uint8_t colour : {0, 1, 2, 255}) {
    std::vector<std::uint8_t> bytes(54 + 2 * 4 + 4);
    bytes[0] = 'B';
    bytes[1] = 'M';
    put(bytes, 2, static_cast<std::uint32_t>(bytes.size()), 4);
    put(bytes, 10, 54 + 2 * 4, 4);
    put(bytes, 14, 40, 4);
    put(bytes, 18, 1, 4);
    put(bytes, 22, 1, 4);
    put(bytes, 26, 1, 2);
    put(bytes, 28, 8, 2);
    put(bytes, 46, 2, 4);
    put(bytes, 54 + 4, 0x123456, 3);  // blue first
    put(bytes, 54 + 8, colour, 1);
    const auto image = decode_image(bytes);
    ASSERT_EQ(image.has_value(), colour < 2) << int{colour};
    if (!image) {
      EXPECT_NE(image.error().message.find("more colours than it lists"), std::string::npos);
    } else if (colour == 1) {
      EXPECT_EQ(image->rgb, (std::vector<std::uint8_t>{0x12, 0x34, 0x56}));
    }
  }
}

/// Each scan costs a pass over the whole picture, however short it is.
TEST(HostileImage, RefusesJpegsOfVeryManyScans) {
  const auto message = [](std::size_t more) {
    auto bytes = fixture("baseline.jpg");
    for (std::size_t i = 0; i < more; ++i) {
      for (const std::uint8_t byte : {0xFF, 0xDA, 0, 2}) bytes.insert(bytes.end() - 2, byte);
    }
    const auto image = decode_image(bytes);
    return image ? std::string() : image.error().message;
  };
  EXPECT_EQ(message(0), "");
  EXPECT_EQ(message(199).find("scans"), std::string::npos);
  EXPECT_NE(message(200).find("more than 200 scans"), std::string::npos);
}

/// Five kilobytes that unpack to a megabyte, in a picture of one pixel.
TEST(HostileImage, RefusesPngsThatUnpackToMoreThanTheirPixels) {
  std::vector<std::uint8_t> packed = {0x78, 0x01};  // zlib's header
  std::size_t bits = 0;
  const auto write = [&](std::uint32_t value, int count) {  // the lowest bit first
    for (int i = 0; i < count; ++i, ++bits) {
      if (bits % 8 == 0) packed.push_back(0);
      packed.back() |= static_cast<std::uint8_t>((value >> i & 1) << bits % 8);
    }
  };
  write(0b011, 3);       // the last block, of fixed codes
  write(0b00001100, 8);  // a zero: code 00110000
  for (int i = 0; i < 4100; ++i) {
    write(0b10100011, 8);  // 258 times what was a byte before: code 11000101
    write(0, 5);
  }
  write(0, 7);                                      // the end
  packed.insert(packed.end(), {0, 0, 0, 0, 0, 0});  // a check sum, which is not looked at
  std::vector<std::uint8_t> png = bytes_of("\x89PNG\r\n\x1A\n"sv);
  const auto chunk = [&](std::string_view type, std::span<const std::uint8_t> content) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      png.push_back(static_cast<std::uint8_t>(content.size() >> shift));
    }
    png.insert(png.end(), type.begin(), type.end());
    png.insert(png.end(), content.begin(), content.end());
    const std::uint32_t sum = crc32(std::span(png).last(type.size() + content.size()));
    for (int shift = 24; shift >= 0; shift -= 8) {
      png.push_back(static_cast<std::uint8_t>(sum >> shift));
    }
  };
  chunk("IHDR", std::array<std::uint8_t, 13>{0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0});
  chunk("IDAT", packed);
  chunk("IEND", {});
  ASSERT_LT(png.size(), 8000u);
  const auto image = decode_image(png);
  ASSERT_FALSE(image.has_value());
  EXPECT_NE(image.error().message.find("unpack to more"), std::string::npos)
      << image.error().message;
}

/// Whatever byte is wrong: a picture that is shown is the one that was meant.
TEST(HostileImage, RefusesPngsWithAWrongByte) {
  const Image scene = decoded_fixture("scene.png");
  const std::vector<std::uint8_t> png = fixture("scene.png");
  constexpr std::size_t kStep = 7;
  std::size_t refused = 0;
  for (std::size_t i = 8; i < png.size(); i += kStep) {
    auto wrong = png;
    wrong[i] ^= 0x10;
    const auto image = decode_image(wrong);
    EXPECT_TRUE(!image || image->rgb == scene.rgb) << i;
    refused += image ? 0 : 1;
  }
  EXPECT_GT(refused, png.size() / kStep / 2);
  // In the pixels, and in the transparency.
  for (const std::string name : {"scene.png", "palette.png"}) {
    auto wrong = fixture(name);
    const std::string_view chunk = name == "scene.png" ? "IDAT" : "tRNS";
    const auto found = std::ranges::search(wrong, chunk);
    ASSERT_FALSE(found.empty()) << name;
    *found.end() ^= 1;
    const auto image = decode_image(wrong);
    ASSERT_FALSE(image.has_value()) << name;
    EXPECT_EQ(image.error().code, ErrorCode::kCorruptImage);
    EXPECT_NE(image.error().message.find("check sum"), std::string::npos) << image.error().message;
  }
}

}  // namespace
}  // namespace gradcam::testing
