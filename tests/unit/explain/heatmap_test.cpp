#include "gradcam/explain/heatmap.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "gradcam/explain/guided_grad_cam.h"
#include "support/heatmaps.h"

namespace gradcam::testing {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
using Values = std::vector<float>;

TEST(HeatAt, IsBilinearBetweenTheCentresOfCells) {
  const Heatmap map = map_of(2, 4, {0, 0.25f, 0.5f, 1, 0.5f, 0.5f, 0.5f, 0});
  EXPECT_EQ(heat_at(map, 0.125, 0.25), 0);
  EXPECT_EQ(heat_at(map, 0.875, 0.25), 1);
  EXPECT_EQ(heat_at(map, 0.25, 0.25), 0.125f);    // half way along the row
  EXPECT_EQ(heat_at(map, 0.875, 0.5), 0.5f);      // and between the rows
  EXPECT_EQ(heat_at(map, 0.25, 0.5), 0.3125f);    // and both
  EXPECT_EQ(heat_at(map, 0.6875, 0.25), 0.625f);  // a quarter
}

TEST(HeatAt, HoldsTheEdge) {
  const Heatmap map = map_of(2, 2, {0.25f, 0.5f, 0.75f, 1});
  EXPECT_EQ(heat_at(map, 0, 0), 0.25f);
  EXPECT_EQ(heat_at(map, 1, 0), 0.5f);
  EXPECT_EQ(heat_at(map, -7, 9), 0.75f);
  EXPECT_EQ(heat_at(map, 1e300, 1e300), 1);
  EXPECT_EQ(heat_at(map, kNaN, kNaN), 0.25f);
  EXPECT_EQ(heat_at(Heatmap{}, 0.5, 0.5), 0);
}

TEST(Enlarge, ReadsTheMapAtTheCentresOfPixels) {
  const Heatmap map = map_of(1, 2, {0, 1});
  EXPECT_EQ(enlarge(map, 1, 2), map.values);
  EXPECT_EQ(enlarge(map, 1, 4), (Values{0, 0.25f, 0.75f, 1}));
  EXPECT_EQ(enlarge(map, 2, 1), (Values{0.5f, 0.5f}));
  EXPECT_EQ(enlarge(Heatmap{}, 2, 3), Values(6));
}

TEST(Fuse, IsTheMeanOfMapsOfEachSize) {
  const Heatmap small = map_of(1, 2, {0, 1});
  const Heatmap large = map_of(1, 4, {1, 0, 0, 0.5f});
  const Heatmap fused = fuse_by_mean(std::array{small, large});
  EXPECT_EQ(fused.rows, 1u);
  EXPECT_EQ(fused.cols, 4u);
  EXPECT_EQ(fused.status, HeatmapStatus::kOk);
  EXPECT_EQ(fused.maximum, 0.75f);
  EXPECT_EQ(fused.values, (Values{0.5f / 0.75f, 0.125f / 0.75f, 0.5f, 1}));
  EXPECT_EQ(fuse_by_mean(std::array{large}).values, large.values);
}

TEST(Fuse, ByMaximumTakesTheGreatestAtEachPlace) {
  const Heatmap small = map_of(1, 1, {1});
  const Heatmap large = map_of(1, 3, {0.25f, 1, 0});
  const Heatmap none{.rows = 1, .cols = 2, .values = {0, 0}};
  const auto most = static_cast<float>(std::tanh(2.0));
  Heatmap fused = fuse_by_maximum(std::array{small, large, none});
  EXPECT_EQ(fused.values, (Values{1, 1, 1}));
  EXPECT_FLOAT_EQ(fused.maximum, most);
  fused = fuse_by_maximum(std::array{large, map_of(1, 3, {0.5f, 0, 0})});
  EXPECT_FLOAT_EQ(fused.values[0], static_cast<float>(std::tanh(1.0) / std::tanh(2.0)));
  EXPECT_EQ(fused.values[1], 1);
  EXPECT_EQ(fused.values[2], 0);
  EXPECT_EQ(fuse_by_maximum(std::array{large}).values, large.values);
  EXPECT_EQ(fuse_by_maximum(std::array{none, none}).status, HeatmapStatus::kEmpty);
  const Heatmap broken{.rows = 1, .cols = 1, .values = {0}, .status = HeatmapStatus::kNonFinite};
  EXPECT_EQ(fuse_by_maximum(std::array{large, broken}).status, HeatmapStatus::kNonFinite);
}

TEST(Fuse, EmptyMapsCountAsZeroAndOverflowsAsOverflow) {
  const Heatmap map = map_of(1, 2, {0.5f, 1});
  Heatmap other = map_of(1, 2, {0, 0});
  other.status = HeatmapStatus::kEmpty;
  EXPECT_EQ(fuse_by_mean(std::array{map, other}).values, map.values);
  EXPECT_EQ(fuse_by_mean(std::array{map, other}).maximum, 0.5f);
  other.status = HeatmapStatus::kNonFinite;
  EXPECT_EQ(fuse_by_mean(std::array{other, map}).status, HeatmapStatus::kNonFinite);
  EXPECT_EQ(fuse_by_mean(std::array{map, other}).status, HeatmapStatus::kNonFinite);
}

TEST(MakeHeatmap, SaysWhyItIsEmpty) {
  const auto status_of = [](std::vector<double> raw) {
    const Heatmap map = make_heatmap(1, raw.size(), raw);
    if (map.status != HeatmapStatus::kOk) {
      EXPECT_EQ(map.values, Values(raw.size()));
      EXPECT_EQ(map.maximum, 0);
    }
    return map.status;
  };
  EXPECT_EQ(status_of({-1, 2}), HeatmapStatus::kOk);
  EXPECT_EQ(status_of({-1, 0}), HeatmapStatus::kEmpty);
  EXPECT_EQ(status_of({}), HeatmapStatus::kEmpty);
  EXPECT_EQ(status_of({1e-60, 0}), HeatmapStatus::kEmpty);  // that is 0 in float32
  EXPECT_EQ(status_of({1, kNaN}), HeatmapStatus::kNonFinite);
  EXPECT_EQ(status_of({1, 1e39}), HeatmapStatus::kNonFinite);
  EXPECT_EQ(status_of({-std::numeric_limits<double>::infinity(), 1}), HeatmapStatus::kNonFinite);
}

TEST(Heatmap, WithoutAValueForEachCellIsOneWithoutCells) {
  Heatmap map;
  map.rows = map.cols = 4;
  map.values = {1, 0.5f};
  map.maximum = 1;
  map.status = HeatmapStatus::kOk;
  EXPECT_FALSE(has_cells(map));
  EXPECT_EQ(heat_at(map, 0.9, 0.9), 0);
  EXPECT_EQ(enlarge(map, 4, 4), Values(16));
  EXPECT_EQ(enlarge(map, 2, 3), Values(6));
  EXPECT_EQ(fuse_by_mean(std::array{map, map}).status, HeatmapStatus::kEmpty);
  EXPECT_EQ(guided_grad_cam_map(map, map).status, HeatmapStatus::kEmpty);
  EXPECT_TRUE(with_visible_edges(map_of(0, 0, {})).values.empty());
}

TEST(HeatmapStatus, HasTheNamesOfTheJson) {
  EXPECT_EQ(heatmap_status_name(HeatmapStatus::kOk), "ok");
  EXPECT_EQ(heatmap_status_name(HeatmapStatus::kEmpty), "empty");
  EXPECT_EQ(heatmap_status_name(HeatmapStatus::kNonFinite), "non_finite");
}

}  // namespace
}  // namespace gradcam::testing
