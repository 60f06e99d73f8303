#include "gradcam/image/png.h"

#include <gtest/gtest.h>

#include <string_view>

#include "gradcam/image/crc32.h"
#include "image_fixtures.h"

namespace gradcam::testing {
namespace {

TEST(EncodePng, ReadsBackTheSame) {
  for (const std::string name : {"scene.png", "noise.png", "one_pixel.png"}) {
    SCOPED_TRACE(name);
    const Image image = decoded_fixture(name);
    const auto png = encode_png(image);
    ASSERT_TRUE(png.has_value());
    EXPECT_EQ(sniff_format(*png), "png");
    const auto again = decode_image(*png);
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(again->width, image.width);
    EXPECT_EQ(again->height, image.height);
    EXPECT_EQ(again->rgb, image.rgb);
  }
}

TEST(EncodePng, SaysWhatItWasMadeBy) {
  const Image image = decoded_fixture("scene.png");
  const auto png = encode_png(image, "a test");
  ASSERT_TRUE(png.has_value());
  EXPECT_EQ(png_software(*png), "a test");
  EXPECT_EQ(png_software(std::span(*png).first(100)), "a test");
  const auto again = decode_image(*png);
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(again->rgb, image.rgb);

  EXPECT_EQ(png_software(*encode_png(image)), "");
  for (std::size_t size = 0; size < 56; ++size) {
    EXPECT_NE(png_software(std::span(*png).first(size)), "a test");
  }
}

TEST(EncodePng, RefusesInconsistentImages) {
  EXPECT_EQ(encode_png(Image{}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(encode_png(Image{.width = 2, .height = 2, .rgb = {1, 2, 3}}).error().code,
            ErrorCode::kInvalidArgument);
}

TEST(Crc32, IsThatOfTheStandard) {
  const std::string_view digits = "123456789";
  const std::vector<std::uint8_t> bytes(digits.begin(), digits.end());
  EXPECT_EQ(crc32(bytes), 0xcbf43926u);
  EXPECT_EQ(crc32(std::span(bytes).first(0)), 0u);
  EXPECT_EQ(crc32(std::span(bytes).first(1)), 0x83dcefb7u);
}

}  // namespace
}  // namespace gradcam::testing
