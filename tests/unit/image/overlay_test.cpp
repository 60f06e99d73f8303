#include "gradcam/image/overlay.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "image_fixtures.h"

namespace gradcam::testing {
namespace {

Colormap turbo() { return *find_colormap("turbo"); }

Image flat(int width, int height, Rgb colour) {
  Image image = *make_image(width, height);
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) {
    image.rgb[i] = colour.r;
    image.rgb[i + 1] = colour.g;
    image.rgb[i + 2] = colour.b;
  }
  return image;
}

Rgb at(const Image& image, int x, int y) {
  const std::size_t i = static_cast<std::size_t>(y * image.width + x) * 3;
  return {image.rgb[i], image.rgb[i + 1], image.rgb[i + 2]};
}

TEST(HeatRgba, ColoursTheHottestPixelWithTheTopColour) {
  // Three pixels a cell, so that every cell has one pixel at its very centre.
  std::vector<float> heatmap(4 * 5, 0.0f);
  heatmap[2 * 5 + 3] = 1;
  const auto rgba = heat_rgba(heatmap, 4, 5, 15, 12, turbo());
  ASSERT_EQ(rgba.size(), 15u * 12 * 4);
  const std::size_t hottest = (7 * 15 + 10) * 4;
  EXPECT_EQ((Rgb{rgba[hottest], rgba[hottest + 1], rgba[hottest + 2]}), turbo()[255]);
  EXPECT_EQ(rgba[hottest + 3], 255);
  EXPECT_EQ((Rgb{rgba[0], rgba[1], rgba[2]}), turbo()[0]);
  EXPECT_EQ(rgba[3], 0);
  // A third of a cell to the left the value is 2/3, two thirds away 1/3.
  EXPECT_EQ((Rgb{rgba[hottest - 4], rgba[hottest - 3], rgba[hottest - 2]}), turbo()[170]);
  EXPECT_EQ(rgba[hottest - 1], 255);
  EXPECT_EQ((Rgb{rgba[hottest - 8], rgba[hottest - 7], rgba[hottest - 6]}), turbo()[85]);
  EXPECT_EQ(rgba[hottest - 5], 170);
}

TEST(HeatRgba, EnlargesLikeANetworksBilinearUpsampling) {
  // [0, 1] to four pixels with half-pixel centres and clamped edges: 0, 1/4, 3/4, 1.
  const std::array<float, 2> heatmap = {0, 1};
  const auto rgba = heat_rgba(heatmap, 1, 2, 4, 1, turbo());
  ASSERT_EQ(rgba.size(), 16u);
  EXPECT_EQ(rgba[3], 0);
  EXPECT_EQ(rgba[7], 128);
  EXPECT_EQ(rgba[11], 255);
  EXPECT_EQ((Rgb{rgba[4], rgba[5], rgba[6]}), turbo()[64]);
  EXPECT_EQ((Rgb{rgba[8], rgba[9], rgba[10]}), turbo()[191]);
  EXPECT_EQ((Rgb{rgba[12], rgba[13], rgba[14]}), turbo()[255]);
}

TEST(HeatRgba, LeavesOutWhatIsBelowTheThreshold) {
  const std::array<float, 5> heatmap = {0, 0.25f, 0.5f, 0.75f, 1};
  const auto all = heat_rgba(heatmap, 1, 5, 5, 1, turbo());
  const auto some = heat_rgba(heatmap, 1, 5, 5, 1, turbo(), 0.5f);
  ASSERT_EQ(some.size(), 20u);
  for (std::size_t x = 0; x < 5; ++x) {
    EXPECT_EQ(some[4 * x + 3], x < 2 ? 0 : all[4 * x + 3]) << x;
  }
  EXPECT_EQ(heat_rgba(heatmap, 1, 5, 5, 1, turbo(), 0.0f), all);
}

TEST(HeatRgba, TakesValuesOutsideOfTheRange) {
  const std::array<float, 3> heatmap = {std::numeric_limits<float>::quiet_NaN(), -5,
                                        std::numeric_limits<float>::infinity()};
  const auto rgba = heat_rgba(heatmap, 1, 3, 3, 1, turbo());
  ASSERT_EQ(rgba.size(), 12u);
  EXPECT_EQ(rgba[3], 0);
  EXPECT_EQ(rgba[7], 0);
  EXPECT_EQ(rgba[11], 255);
}

TEST(HeatRgba, IsEmptyForSizesThatDoNotFit) {
  const std::array<float, 4> heatmap = {};
  EXPECT_TRUE(heat_rgba(heatmap, 2, 3, 8, 8, turbo()).empty());
  EXPECT_TRUE(heat_rgba(heatmap, 0, 4, 8, 8, turbo()).empty());
  EXPECT_TRUE(heat_rgba(heatmap, 2, 2, 0, 8, turbo()).empty());
  EXPECT_TRUE(heat_rgba(heatmap, 2, 2, 8, -8, turbo()).empty());
  const std::size_t most = std::numeric_limits<std::size_t>::max();  // whose square is 1, cut off
  EXPECT_TRUE(heat_rgba(std::span(heatmap).first(1), most, most, 8, 8, turbo()).empty());
}

TEST(Overlay, LaysTheHeatExactlyOverTheCrop) {
  const Rgb colour{200, 120, 40};
  const Image photo = flat(60, 40, colour);
  const Box crop{10, 5, 30, 30};
  std::vector<float> heatmap(10 * 10, 0.0f);
  heatmap[3 * 10 + 7] = 1;  // the cell over x 31..33, y 14..16
  const auto result = overlay(photo, crop, heatmap, 10, 10, turbo(), 1.0f);
  ASSERT_TRUE(result.has_value());
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 60; ++x) {
      const bool inside = x >= 10 && x < 40 && y >= 5 && y < 35;
      const bool near = std::abs(x - 32) < 3 && std::abs(y - 15) < 3;
      if (!inside) {
        ASSERT_EQ(at(*result, x, y), unseen(colour)) << x << ", " << y;
      } else if (!near) {
        ASSERT_EQ(at(*result, x, y), colour) << x << ", " << y;
      } else {
        ASSERT_NE(at(*result, x, y), colour) << x << ", " << y;
      }
    }
  }
  EXPECT_EQ(at(*result, 32, 15), turbo()[255]);
}

TEST(Overlay, DecidesByThePixelsCentre) {
  const Rgb colour{10, 200, 90};
  const Image photo = flat(10, 10, colour);
  const std::array<float, 1> cold = {0};
  const auto result = overlay(photo, {2.4, 2.6, 5, 5}, cold, 1, 1, turbo(), 0.5f);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(at(*result, 2, 3), colour);
  EXPECT_EQ(at(*result, 1, 3), unseen(colour));
  EXPECT_EQ(at(*result, 6, 3), colour);
  EXPECT_EQ(at(*result, 7, 3), unseen(colour));
  EXPECT_EQ(at(*result, 4, 2), unseen(colour));
  EXPECT_EQ(at(*result, 4, 7), colour);
  EXPECT_EQ(at(*result, 4, 8), unseen(colour));
}

TEST(Overlay, WeighsTheHeatByAlpha) {
  const Image photo = flat(4, 4, {0, 0, 0});
  const std::array<float, 1> warm = {0.25f};  // shows at half of its colour
  const Rgb top = turbo()[64];
  const auto result = overlay(photo, {0, 0, 4, 4}, warm, 1, 1, turbo(), 0.5f);
  ASSERT_TRUE(result.has_value());
  EXPECT_NEAR(at(*result, 1, 1).r, top.r / 4.0, 0.51);
  EXPECT_NEAR(at(*result, 1, 1).g, top.g / 4.0, 0.51);
  EXPECT_NEAR(at(*result, 1, 1).b, top.b / 4.0, 0.51);
  const auto none = overlay(photo, {0, 0, 4, 4}, warm, 1, 1, turbo(), 0.0f);
  ASSERT_TRUE(none.has_value());
  EXPECT_EQ(none->rgb, photo.rgb);
}

TEST(Overlay, AgreesWithTheLayerThatThePageDraws) {
  const Image photo = decoded_fixture("scene.png");  // 40 x 29
  const Box crop{6, 2, 25, 25};
  std::vector<float> heatmap;
  for (int i = 0; i < 49; ++i) heatmap.push_back(static_cast<float>(i * 37 % 49) / 48);
  const auto result = overlay(photo, crop, heatmap, 7, 7, turbo(), 0.6f, 0.4f);
  ASSERT_TRUE(result.has_value());
  const auto layer = heat_rgba(heatmap, 7, 7, 25, 25, turbo(), 0.4f);
  for (int y = 0; y < 25; ++y) {
    for (int x = 0; x < 25; ++x) {
      const std::size_t i = static_cast<std::size_t>(y * 25 + x) * 4;
      const double weight = 0.6 * layer[i + 3] / 255;
      const Rgb below = at(photo, x + 6, y + 2);
      const Rgb shown = at(*result, x + 6, y + 2);
      ASSERT_NEAR(shown.r, below.r + (layer[i] - below.r) * weight, 1.0);
      ASSERT_NEAR(shown.g, below.g + (layer[i + 1] - below.g) * weight, 1.0);
      ASSERT_NEAR(shown.b, below.b + (layer[i + 2] - below.b) * weight, 1.0);
    }
  }
}

TEST(Overlay, TakesACropThatReachesOutsideOfThePhoto) {
  const Rgb colour{9, 99, 199};
  const Image photo = flat(8, 8, colour);
  const std::array<float, 4> heatmap = {};
  const auto around = overlay(photo, {-4, -4, 16, 16}, heatmap, 2, 2, turbo(), 1.0f);
  ASSERT_TRUE(around.has_value());
  EXPECT_EQ(around->rgb, photo.rgb);
  const auto beside = overlay(photo, {100, 0, 8, 8}, heatmap, 2, 2, turbo(), 1.0f);
  ASSERT_TRUE(beside.has_value());
  EXPECT_EQ(beside->rgb, flat(8, 8, unseen(colour)).rgb);
}

TEST(Overlay, RefusesArgumentsThatDoNotFit) {
  const Image photo = flat(8, 8, {1, 2, 3});
  const std::array<float, 4> heatmap = {};
  const Box crop{0, 0, 8, 8};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(overlay(Image{}, crop, heatmap, 2, 2, turbo(), 1.0f).has_value());
  EXPECT_FALSE(overlay(photo, crop, heatmap, 2, 3, turbo(), 1.0f).has_value());
  EXPECT_FALSE(overlay(photo, {0, 0, 0, 8}, heatmap, 2, 2, turbo(), 1.0f).has_value());
  EXPECT_FALSE(overlay(photo, {nan, 0, 8, 8}, heatmap, 2, 2, turbo(), 1.0f).has_value());
  EXPECT_FALSE(overlay(photo, crop, heatmap, 2, 2, turbo(), 1.5f).has_value());
  EXPECT_FALSE(overlay(photo, crop, heatmap, 2, 2, turbo(), std::numeric_limits<float>::quiet_NaN())
                   .has_value());
}

}  // namespace
}  // namespace gradcam::testing
