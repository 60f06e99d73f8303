#include "gradcam/image/resize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "image_fixtures.h"

namespace gradcam::testing {
namespace {

Box box_of(const nlohmann::json& json) { return {json[0], json[1], json[2], json[3]}; }

TEST(Resize, MatchesPillow) {
  const Image noise = decoded_fixture("noise.png");
  const auto cases = manifest()["resizes"];
  ASSERT_EQ(cases.size(), 7u);
  for (const auto& entry : cases) {
    SCOPED_TRACE(entry.dump());
    const int width = entry["out"][0];
    const int height = entry["out"][1];
    const auto result = resize_bilinear(noise, box_of(entry["box"]), width, height);
    ASSERT_TRUE(result.has_value());
    const Shape expected_shape = {static_cast<std::size_t>(height), static_cast<std::size_t>(width),
                                  3};
    EXPECT_EQ(result->shape(), expected_shape);
    const auto expected = float_fixture(entry["values"]);
    ASSERT_EQ(result->size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(result->values()[i], expected[i], 2e-4) << i;
    }
  }
}

TEST(Resize, KeepsAnImageOfTheSameSize) {
  const Image noise = decoded_fixture("noise.png");
  const auto same = resize_image(noise, noise.width, noise.height);
  ASSERT_TRUE(same.has_value());
  EXPECT_EQ(same->rgb, noise.rgb);
}

TEST(Resize, KeepsAConstantImageConstant) {
  Image grey{.width = 50, .height = 31, .rgb = std::vector<std::uint8_t>(50 * 31 * 3, 255)};
  for (const auto& [width, height] : {std::pair{7, 5}, {200, 90}, {1, 1}}) {
    const auto result = resize_image(grey, width, height);
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->width, width);
    EXPECT_EQ(result->height, height);
    for (const std::uint8_t value : result->rgb) ASSERT_EQ(value, 255);
  }
}

TEST(Resize, RefusesBoxesAndSizesThatDoNotFit) {
  const Image scene = decoded_fixture("scene.png");  // 40 x 29
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const Box& box :
       {Box{0, 0, 0, 10}, Box{0, 0, 10, -1}, Box{-0.5, 0, 10, 10}, Box{31, 0, 10, 10},
        Box{0, 20, 10, 10}, Box{nan, 0, 10, 10}, Box{0, 0, nan, 10}, Box{0, 0, 10, infinity}}) {
    const auto result = resize_bilinear(scene, box, 4, 4);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  }
  for (const auto& [width, height] : {std::pair{0, 4}, {4, 0}, {-1, 4}}) {
    EXPECT_FALSE(resize_bilinear(scene, {0, 0, 40, 29}, width, height).has_value());
    EXPECT_FALSE(resize_image(scene, width, height).has_value());
  }
  Image broken = scene;
  broken.rgb.pop_back();
  EXPECT_EQ(resize_bilinear(broken, {0, 0, 40, 29}, 4, 4).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_FALSE(resize_image(Image{}, 4, 4).has_value());
}

}  // namespace
}  // namespace gradcam::testing
