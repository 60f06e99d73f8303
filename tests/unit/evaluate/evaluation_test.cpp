#include "gradcam/evaluate/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/heatmaps.h"
#include "support/values.h"

namespace gradcam::testing {
namespace {

using ::testing::ElementsAre;

/// Predictions of these classes, most probable first; the first one has this probability.
std::vector<Prediction> ranked(std::vector<std::size_t> classes, float probability) {
  std::vector<Prediction> predictions;
  for (const std::size_t index : classes) {
    predictions.push_back({.index = index, .probability = probability, .logit = 0});
    probability = 0;
  }
  return predictions;
}

TEST(Evaluation, CountsTheFirstAndTheFirstFive) {
  Evaluation evaluation(7);
  EXPECT_EQ(evaluation.top1(), 0);
  EXPECT_EQ(evaluation.top5(), 0);
  EXPECT_EQ(evaluation.expected_calibration_error(), 0);
  evaluation.add(3, ranked({3, 0, 1, 2, 4, 5, 6}, 1));
  evaluation.add(4, ranked({3, 0, 1, 2, 4, 5, 6}, 1));
  evaluation.add(5, ranked({3, 0, 1, 2, 4, 5, 6}, 1));
  evaluation.add(6, ranked({3, 0, 1, 2, 4, 5, 6}, 1));
  EXPECT_EQ(evaluation.photos(), 4u);
  EXPECT_EQ(evaluation.top1(), 0.25);
  EXPECT_EQ(evaluation.top5(), 0.5);
  EXPECT_THAT(evaluation.confusion()[3], ElementsAre(0, 0, 0, 1, 0, 0, 0));
  EXPECT_THAT(evaluation.confusion()[5], ElementsAre(0, 0, 0, 1, 0, 0, 0));
  // Fewer classes than five.
  Evaluation two(2);
  two.add(1, ranked({0, 1}, 1));
  EXPECT_EQ(two.top5(), 1);
}

TEST(Evaluation, CalibrationErrorIsGuosOverBinsOfAFifteenth) {
  Evaluation evaluation(2);
  // In [0.8, 0.8667): mean probability 0.83, half of them right.
  evaluation.add(0, ranked({0, 1}, 0.81f));
  evaluation.add(1, ranked({0, 1}, 0.85f));
  // In [0.5333, 0.6): right, so not sure enough by 0.45; in [0.6, 0.6667): wrong.
  evaluation.add(0, ranked({0, 1}, 0.55f));
  evaluation.add(1, ranked({0, 1}, 0.65f));
  EXPECT_NEAR(evaluation.expected_calibration_error(),
              2.0 / 4 * (0.83 - 0.5) + 1.0 / 4 * (1 - 0.55) + 1.0 / 4 * 0.65, 1e-6);
  // Neighbours in the bins: wrong in [0.6, 0.6667), right in [0.6667, 0.7333); in wider ones they
  // would make up for each other.
  Evaluation neighbours(2);
  neighbours.add(1, ranked({0, 1}, 0.64f));
  neighbours.add(0, ranked({0, 1}, 0.68f));
  EXPECT_NEAR(neighbours.expected_calibration_error(), (0.64 + (1 - 0.68)) / 2, 1e-6);
  // What is certain belongs to the last bin. In a bin of its own it would make (1 + 0.04) / 2.
  Evaluation certain(2);
  certain.add(0, ranked({0, 1}, 1));
  EXPECT_EQ(certain.expected_calibration_error(), 0);
  Evaluation mistaken(2);
  mistaken.add(1, ranked({0, 1}, 1));
  mistaken.add(0, ranked({0, 1}, 0.96f));
  EXPECT_NEAR(mistaken.expected_calibration_error(), 0.98 - 0.5, 1e-6);
}

/// A mask that is white from x = left and y = top on.
Image mask(int width, int height, int left, int top, std::uint8_t white = 255) {
  Image image{.width = width, .height = height, .rgb = {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      image.rgb.insert(image.rgb.end(), 3, x >= left && y >= top ? white : 0);
    }
  }
  return image;
}

TEST(MaskAgreement, IsOfTheCropWithinThePhoto) {
  // The lower right quarter of the crop is hot; it is (120, 80) to (160, 120) of the photo. Where
  // the map has one value, so has what is enlarged of it, up to half a cell from the border.
  const Heatmap map = map_of(2, 2, {0, 0, 0, 1});
  const Box crop{.x = 80, .y = 40, .width = 80, .height = 80};
  const auto all = compare_with_mask(map, crop, 200, 160, mask(200, 160, 0, 0));
  EXPECT_TRUE(all.pointing);
  EXPECT_DOUBLE_EQ(all.heat_inside, 1);
  // By hand: of v(x) = 0 | 2 x - 1/2 | 1 over 0..1, as bilinear enlargement has it, 7/8 lie at or
  // beyond 1/2, of either axis. The mask is half as large as the photo, and covers just that.
  const auto quarter = compare_with_mask(map, crop, 200, 160, mask(100, 80, 60, 40));
  EXPECT_TRUE(quarter.pointing);
  EXPECT_NEAR(quarter.heat_inside, 7.0 / 8 * 7 / 8, 1e-3);
  const auto below = compare_with_mask(map, crop, 200, 160, mask(100, 80, 0, 40));
  EXPECT_NEAR(below.heat_inside, 7.0 / 8, 1e-3);
  const auto right = compare_with_mask(map, crop, 200, 160, mask(100, 80, 75, 0));
  // Its centre, (140, 100), is left of that; beyond 7/8 of the crop are 1/8 of 1/2.
  EXPECT_FALSE(right.pointing);
  EXPECT_NEAR(right.heat_inside, 1.0 / 4, 1e-3);
  const auto grey = compare_with_mask(map, crop, 200, 160, mask(200, 160, 0, 0, 127));
  EXPECT_FALSE(grey.pointing);
  EXPECT_EQ(grey.heat_inside, 0);
}

TEST(MaskAgreement, PointsAtTheHottestCell) {
  // In the second of three rows and the last of four columns.
  const Heatmap map = map_of(3, 4, {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0});
  const Box crop{.x = 0, .y = 0, .width = 120, .height = 120};
  const auto points = [&](int left, int top) {
    return compare_with_mask(map, crop, 120, 120, mask(120, 120, left, top)).pointing;
  };
  EXPECT_TRUE(points(105, 60));
  EXPECT_FALSE(points(106, 60));
  EXPECT_FALSE(points(105, 61));
}

TEST(MaskAgreement, TheBoxAroundTheHeatIsComparedWithThatAroundTheObject) {
  const Heatmap map = map_of(2, 2, {0, 0, 0, 1});
  // The box is (120, 80) to (160, 120) of a photo of 160 x 120; the mask is half as large.
  const Box crop{.x = 80, .y = 40, .width = 80, .height = 80};
  const auto iou = [&](int left, int top) {
    return compare_with_mask(map, crop, 160, 120, mask(80, 60, left, top)).box_iou;
  };
  EXPECT_DOUBLE_EQ(iou(60, 40), 1);
  EXPECT_DOUBLE_EQ(iou(40, 40), 0.5);                          // twice as wide
  EXPECT_DOUBLE_EQ(iou(70, 30), 800.0 / (1600 + 1200 - 800));  // (140, 60) to (160, 120)
  EXPECT_DOUBLE_EQ(iou(80, 60), 0);                            // nothing
}

TEST(MaskAgreement, OfAnEmptyMapIsNone) {
  Heatmap map = map_of(2, 2, {0, 0, 0, 0});
  map.status = HeatmapStatus::kEmpty;
  const auto none = compare_with_mask(map, {0, 0, 10, 10}, 10, 10, mask(10, 10, 0, 0));
  EXPECT_FALSE(none.pointing);
  EXPECT_EQ(none.heat_inside, 0);
}

TEST(MaskAgreement, WithNothingIsNone) {
  const Heatmap map = map_of(2, 2, {1, 0, 0, 0});
  const Box crop{.x = 0, .y = 0, .width = 10, .height = 10};
  const auto expect_none = [](const MaskAgreement& none) {
    EXPECT_FALSE(none.pointing);
    EXPECT_EQ(none.heat_inside, 0);
  };
  expect_none(compare_with_mask(map, crop, 10, 10, Image{}));
  expect_none(compare_with_mask(map, crop, 0, 10, mask(10, 10, 0, 0)));
  expect_none(compare_with_mask(map_of(2, 2, {}), crop, 10, 10, mask(10, 10, 0, 0)));
  expect_none(compare_with_mask(map, {double{kNaN}, 0, 10, 10}, 10, 10, mask(10, 10, 0, 0)));
}

}  // namespace
}  // namespace gradcam::testing
