#include "gradcam/image/decode.h"

#include <gtest/gtest.h>

#include <cmath>

#include "gradcam/image/container.h"
#include "gradcam/image/png.h"
#include "image_fixtures.h"
#include "support/result.h"

namespace gradcam::testing {
namespace {

TEST(Decode, GivesThePixelsThatPillowAndTheSourceHave) {
  const auto pictures = manifest()["pictures"];
  ASSERT_GT(pictures.size(), 20u);
  for (const auto& picture : pictures) {
    const std::string name = picture["file"];
    SCOPED_TRACE(name);
    const Image image = decoded_fixture(name);
    EXPECT_EQ(image.width, picture["width"].get<int>());
    EXPECT_EQ(image.height, picture["height"].get<int>());
    const Difference apart = difference(image.rgb, fixture(picture["pixels"]));
    if (name.ends_with(".jpg")) {
      // The inverse transform and the enlarging of chroma may differ by a few steps.
      EXPECT_LE(apart.largest, 6);
      EXPECT_LE(apart.mean, 1.0);
    } else {
      EXPECT_EQ(apart.largest, 0);
    }
  }
}

TEST(Decode, TurnsAllEightOrientationsUpright) {
  const Image scene = decoded_fixture("scene.png");
  for (int orientation = 1; orientation <= 8; ++orientation) {
    SCOPED_TRACE(orientation);
    const std::string name = "orientation_" + std::to_string(orientation);
    EXPECT_EQ(decoded_fixture(name + ".png").rgb, scene.rgb);
    const Image photo = decoded_fixture(name + ".jpg");
    EXPECT_EQ(photo.width, scene.width);
    EXPECT_EQ(photo.height, scene.height);
    const Difference apart = difference(photo.rgb, scene.rgb);
    EXPECT_LE(apart.mean, 2.0);
    EXPECT_LE(apart.largest, 16);
  }
}

TEST(Decode, RefusesHugePicturesByTheirHeader) {
  const auto image = decode_image(fixture("huge.png"));
  ASSERT_FALSE(image.has_value());
  EXPECT_EQ(image.error().code, ErrorCode::kImageTooLarge);
  EXPECT_NE(image.error().message.find("30000 x 30000"), std::string::npos);
  EXPECT_NE(image.error().message.find("20000"), std::string::npos);
}

TEST(Decode, ChecksTheLimitsForEveryFormat) {
  for (const std::string name : {"scene.png", "baseline.jpg", "animated.gif", "rgb.bmp"}) {
    SCOPED_TRACE(name);
    const auto bytes = fixture(name);
    EXPECT_TRUE(decode_image(bytes, {.max_side = 40, .max_pixels = 40 * 29}).has_value());
    const auto side = decode_image(bytes, {.max_side = 39, .max_pixels = 40 * 29});
    ASSERT_FALSE(side.has_value());
    EXPECT_EQ(side.error().code, ErrorCode::kImageTooLarge);
    EXPECT_NE(side.error().message.find("39 pixels a side"), std::string::npos);
    const auto area = decode_image(bytes, {.max_side = 40, .max_pixels = 40 * 29 - 1});
    ASSERT_FALSE(area.has_value());
    EXPECT_EQ(area.error().code, ErrorCode::kImageTooLarge);
    EXPECT_NE(area.error().message.find("1159 pixels in all"), std::string::npos);
  }
}

TEST(Decode, TakesPicturesOf108MillionPixels) {
  EXPECT_TRUE(internal::check_limits(12000, 9000, {}).has_value());
  const auto larger = internal::check_limits(16320, 12240, {});
  ASSERT_FALSE(larger.has_value());
  EXPECT_NE(larger.error().message.find("120 million pixels in all"), std::string::npos);
}

/// The scenes of the formats are wider than high.
TEST(Decode, ChecksTheLimitForTheHeightToo) {
  for (const std::string name : {"orientation_6.png", "orientation_6.jpg"}) {  // stored as 29 x 40
    SCOPED_TRACE(name);
    const auto bytes = fixture(name);
    EXPECT_TRUE(decode_image(bytes, {.max_side = 40, .max_pixels = 40 * 29}).has_value());
    EXPECT_NE(error_message(decode_image(bytes, {.max_side = 39, .max_pixels = 40 * 29}),
                            ErrorCode::kImageTooLarge)
                  .find("39 pixels a side"),
              std::string::npos);
  }
}

TEST(ImageFromRgba, CompositesOverWhite) {
  const std::vector<std::uint8_t> rgba = {10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 200, 51};
  const auto image = image_from_rgba(rgba, 3, 1);
  ASSERT_TRUE(image.has_value());
  EXPECT_EQ(image->width, 3);
  EXPECT_EQ(image->height, 1);
  const std::vector<std::uint8_t> expected = {10, 20, 30, 255, 255, 255, 204, 224, 244};
  EXPECT_EQ(image->rgb, expected);
}

TEST(ImageFromRgba, RoundsToTheNearest) {
  std::vector<std::uint8_t> rgba;  // alpha by row, value by column
  for (int i = 0; i < 256 * 256; ++i) {
    rgba.insert(rgba.end(), 3, static_cast<std::uint8_t>(i % 256));
    rgba.push_back(static_cast<std::uint8_t>(i / 256));
  }
  ASSERT_OK_AND_ASSIGN(const Image image, image_from_rgba(rgba, 256, 256));
  for (int i = 0; i < 256 * 256; ++i) {
    const double opacity = i / 256 / 255.0;
    const double exact = i % 256 * opacity + 255 * (1 - opacity);
    ASSERT_LT(std::abs(image.rgb[static_cast<std::size_t>(i) * 3] - exact), 0.5)
        << i % 256 << " of opacity " << i / 256;
  }
}

TEST(ImageFromRgba, RefusesSizesThatDoNotFit) {
  const std::vector<std::uint8_t> rgba(16);
  for (const auto& [width, height] :
       {std::pair{4, 2}, {0, 0}, {-2, -2}, {-4, 1}, {2, 1}, {1, 16}}) {
    const auto image = image_from_rgba(rgba, width, height);
    ASSERT_FALSE(image.has_value()) << width << " x " << height;
    EXPECT_EQ(image.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(image_from_rgba(rgba, 30000, 30000).error().code, ErrorCode::kImageTooLarge);
}

TEST(ImageFromRgba, RowsMayBeApart) {
  constexpr std::size_t kStride = 13;
  std::vector<std::uint8_t> apart(kStride + 8, 7);
  const std::vector<std::uint8_t> rgba = {1, 2, 3, 255, 4, 5, 6, 255, 7, 8, 9, 255, 10, 11, 12, 0};
  std::ranges::copy(std::span(rgba).first(8), apart.begin());
  std::ranges::copy(std::span(rgba).last(8), apart.begin() + kStride);
  ASSERT_OK_AND_ASSIGN(const Image expected, image_from_rgba(rgba, 2, 2));
  ASSERT_OK_AND_ASSIGN(const Image image, image_from_rgba(apart, 2, 2, kStride));
  EXPECT_EQ(image.rgb, expected.rgb);

  for (const std::size_t stride : {std::size_t{7}, kStride + 1, SIZE_MAX}) {
    const auto refused = image_from_rgba(apart, 2, 2, stride);
    EXPECT_NE(error_message(refused, ErrorCode::kInvalidArgument).find(std::to_string(stride)),
              std::string::npos);
  }
  EXPECT_FALSE(image_from_rgba(apart, 2, 2));
  ASSERT_OK(image_from_rgba(std::span(apart).first(8), 2, 1, kStride));
}

/// As Pillow, Windows and browsers have it: nothing says that it is transparency.
TEST(Decode, TheFourthByteOfABmpWithoutMasksIsNone) {
  std::vector<std::uint8_t> bmp = {'B', 'M', 66, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0,  // 66 bytes
                                   40,  0,   0,  0, 3, 0, 0, 0, 1, 0, 0,  0,        // 3 x 1 pixels
                                   1,   0,   32, 0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0,  // of 32 bits
                                   0,   0,   0,  0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0};
  bmp.insert(bmp.end(), {30, 20, 10, 0, 60, 50, 40, 128, 90, 80, 70, 255});
  const auto image = decode_image(bmp);
  ASSERT_TRUE(image.has_value()) << image.error().message;
  EXPECT_EQ(image->rgb, (std::vector<std::uint8_t>{10, 20, 30, 40, 50, 60, 70, 80, 90}));
}

/// A picture of one row, with the same in all three channels, or in some.
Result<std::vector<std::uint8_t>> row_of(const std::vector<int>& values,
                                         const std::vector<int>& channels = {0, 1, 2}) {
  GRADCAM_TRY(Image image, make_image(static_cast<int>(values.size()), 1));
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (const int channel : channels) {
      image.rgb[i * 3 + static_cast<std::size_t>(channel)] = static_cast<std::uint8_t>(values[i]);
    }
  }
  return encode_png(image);
}

/// Whether each pixel of a mask is white; empty if one is neither white nor black.
std::vector<int> whites(const Image& mask) {
  std::vector<int> whites;
  for (std::size_t i = 0; i < mask.rgb.size(); i += 3) {
    const std::uint8_t value = mask.rgb[i];
    if ((value != 0 && value != 255) || mask.rgb[i + 1] != value || mask.rgb[i + 2] != value) {
      return {};
    }
    whites.push_back(value == 255 ? 1 : 0);
  }
  return whites;
}

TEST(DecodeMask, SeesWhatIsNotBlackButForNoise) {
  struct Case {
    std::vector<int> values;
    std::vector<int> channels;
    std::vector<int> expected;
  };
  for (const auto& [values, channels, expected] : std::vector<Case>{
           {{0, 255, 127, 128}, {0, 1, 2}, {0, 1, 0, 1}},
           {{3, 250, 0, 251}, {0, 1, 2}, {0, 1, 0, 1}},  // a JPEG
           {{0, 1, 0, 1}, {0, 1, 2}, {0, 1, 0, 1}},      // a number for each class
           {{0, 2, 12, 1}, {0, 1, 2}, {0, 1, 1, 1}},     // of several
           {{0, 15, 7, 1}, {0, 1, 2}, {0, 1, 1, 1}},     // no more than 15
           {{0, 16, 7, 8}, {0, 1, 2}, {0, 1, 0, 1}},     // shades: from half of the brightest on
           {{0, 31, 15, 16}, {0, 1, 2}, {0, 1, 0, 1}},
           {{0, 200, 99, 100}, {0, 1, 2}, {0, 1, 0, 1}},
           {{0, 255, 0, 0}, {1}, {0, 1, 0, 0}},   // green
           {{0, 128, 0, 90}, {2}, {0, 1, 0, 1}},  // dark blue
           {{255, 255, 255, 255}, {0, 1, 2}, {1, 1, 1, 1}},
           {{1, 1, 1, 1}, {0, 1, 2}, {1, 1, 1, 1}},
       }) {
    ASSERT_OK_AND_ASSIGN(const auto bytes, row_of(values, channels));
    ASSERT_OK_AND_ASSIGN(const Image mask, decode_mask(bytes));
    EXPECT_EQ(whites(mask), expected) << ::testing::PrintToString(values);
  }
}

TEST(DecodeMask, OfATransparentPictureSeesWhatIsOpaque) {
  for (const char* name : {"rgba.png", "grey_alpha.png"}) {  // alpha grows along each row
    ASSERT_OK_AND_ASSIGN(const Image mask, decode_mask(fixture(name)));
    std::vector<int> expected;
    for (int y = 0; y < mask.height; ++y) {
      for (int x = 0; x < mask.width; ++x) {
        expected.push_back(255 * x / (mask.width - 1) >= 128 ? 1 : 0);
      }
    }
    EXPECT_EQ(whites(mask), expected) << name;
  }
}

TEST(DecodeMask, RefusesWhatShowsNothing) {
  ASSERT_OK_AND_ASSIGN(const auto black, row_of({0, 0}));
  EXPECT_EQ(error_message(decode_mask(black), ErrorCode::kInvalidArgument),
            "it shows nothing, all of it is black");
  ASSERT_OK_AND_ASSIGN(const auto trimap, row_of({1, 2, 3}));
  EXPECT_NE(error_message(decode_mask(trimap), ErrorCode::kInvalidArgument).find("from 1 to 3"),
            std::string::npos);
  EXPECT_NE(error_message(decode_mask({}), ErrorCode::kUnsupportedFormat), "");
}

}  // namespace
}  // namespace gradcam::testing
