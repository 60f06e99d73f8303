#include "gradcam/explain/closer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <ostream>

#include "support/values.h"

namespace gradcam {

bool operator==(const Box& a, const Box& b) {
  return a.x == b.x && a.y == b.y && a.width == b.width && a.height == b.height;
}

void PrintTo(const Box& box, std::ostream* out) {
  *out << box.width << " x " << box.height << " at (" << box.x << ", " << box.y << ")";
}

namespace testing {
namespace {

Image photo(int width, int height) { return {.width = width, .height = height, .rgb = {}}; }

/// A map of 4 x 4 cells.
Heatmap map(std::vector<float> values) {
  return {.rows = 4,
          .cols = 4,
          .values = std::move(values),
          .maximum = 1,
          .status = HeatmapStatus::kOk};
}

TEST(Closer, IsTheSquareAroundWhatIsWarm) {
  const Heatmap warm = map({0, 0, 0, 0,        //
                            0, 0, 0.5f, 0.2f,  //
                            0, 0, 1, 0.1f,     //
                            0, 0, 0, 0});
  // Two cells by two of the 100 x 100 in the middle of a landscape.
  EXPECT_EQ(closer_box(warm, {50, 0, 100, 100}, photo(200, 100)), (Box{100, 25, 50, 50}));
  // Cells that are not square: the longer side counts.
  EXPECT_EQ(closer_box(warm, {0, 0, 200, 100}, photo(200, 100)), (Box{100, 0, 100, 100}));
}

TEST(Closer, LeavesOutWhatIsNotConnectedWithTheMaximum) {
  const Heatmap warm = map({0.9f, 0, 0, 0,  //
                            0, 0.9f, 0, 0,  //
                            0, 0, 0, 0.3f,  //
                            0, 0, 0, 1});
  EXPECT_EQ(closer_box(warm, {0, 0, 40, 40}, photo(40, 40)), (Box{20, 20, 20, 20}));
}

TEST(Closer, DoesNotGoOnInTheNextRowAtTheRightEdge) {
  const Heatmap right = map({0, 0, 0, 0,     //
                             0, 0, 0, 1,     //
                             0.9f, 0, 0, 0,  //
                             0, 0, 0, 0});
  EXPECT_EQ(closer_box(right, {0, 0, 40, 40}, photo(40, 40)), (Box{30, 10, 10, 10}));
  const Heatmap left = map({0, 0, 0, 0.9f,  //
                            1, 0, 0, 0,     //
                            0, 0, 0, 0,     //
                            0, 0, 0, 0});
  EXPECT_EQ(closer_box(left, {0, 0, 40, 40}, photo(40, 40)), (Box{0, 10, 10, 10}));
}

TEST(Closer, StaysInThePhoto) {
  const Heatmap corner = map({1, 0, 0, 0,  //
                              1, 0, 0, 0,  //
                              1, 0, 0, 0,  //
                              0, 0, 0, 0});
  EXPECT_EQ(closer_box(corner, {0, 0, 80, 80}, photo(80, 80)), (Box{0, 0, 60, 60}));
  const Heatmap all = map(std::vector<float>(16, 1.0f));
  EXPECT_EQ(closer_box(all, {0, 0, 300, 90}, photo(300, 90)), (Box{105, 0, 90, 90}));
}

TEST(Closer, IsInWholePixels) {
  const Heatmap warm = map({0, 0, 0, 0,  //
                            0, 1, 0, 0,  //
                            0, 0, 0, 0,  //
                            0, 0, 0, 0});
  EXPECT_EQ(closer_box(warm, {0.5, 0.5, 41, 41}, photo(42, 42)), (Box{11, 11, 10, 10}));
  // At least one.
  EXPECT_EQ(closer_box(warm, {0, 0, 1, 1}, photo(1, 1)), (Box{0, 0, 1, 1}));
}

TEST(Closer, TakesFineMapsInCellsOfTheirMeans) {
  // Pixels in a 56 x 56 map, no two of them side by side, from (16, 24) to (32, 48); and a
  // brighter one alone.
  Heatmap fine{.rows = 56, .cols = 56, .values = {}, .maximum = 1, .status = HeatmapStatus::kOk};
  fine.values.resize(fine.rows * fine.cols);
  for (std::size_t y = 24; y < 48; y += 2) {
    for (std::size_t x = 16; x < 32; x += 2) fine.values[y * 56 + x] = 0.5f;
  }
  fine.values[0] = 1;
  EXPECT_EQ(closer_box(fine, {0, 0, 56, 56}, photo(56, 56)), (Box{12, 24, 24, 24}));
}

TEST(Closer, TakesWhatIsLeftOverAtTheEdgesForWhatItIs) {
  // 15 pixels make seven cells of two and one of one.
  Heatmap fine{.rows = 15, .cols = 15, .values = {}, .maximum = 1, .status = HeatmapStatus::kOk};
  fine.values.resize(fine.rows * fine.cols);
  for (std::size_t y = 12; y < 15; ++y) {
    for (std::size_t x = 10; x < 12; ++x) fine.values[y * 15 + x] = 1;
  }
  EXPECT_EQ(closer_box(fine, {0, 0, 150, 150}, photo(150, 150)), (Box{95, 120, 30, 30}));
}

/// A mean is over the pixels that there are: one at the last row and column.
TEST(Closer, TakesTheCellInTheCornerForAsHotAsItsPixel) {
  Heatmap fine{.rows = 15, .cols = 15, .values = {}, .maximum = 1, .status = HeatmapStatus::kOk};
  fine.values.resize(fine.rows * fine.cols);
  fine.values[14 * 15 + 14] = 1;
  for (std::size_t y = 0; y < 2; ++y) {  // a mean of 0.9
    for (std::size_t x = 0; x < 2; ++x) fine.values[y * 15 + x] = 0.9f;
  }
  EXPECT_EQ(closer_box(fine, {0, 0, 150, 150}, photo(150, 150)), (Box{140, 140, 10, 10}));
}

TEST(Closer, WithoutHeatIsAroundAllOfTheCrop) {
  Heatmap empty = map(std::vector<float>(16));
  empty.status = HeatmapStatus::kEmpty;
  EXPECT_EQ(closer_box(empty, {12.5, 0, 75, 75}, photo(100, 75)), (Box{13, 0, 75, 75}));
}

TEST(Closer, BearsAnyNumbers) {
  const Image image = photo(50, 30);
  for (const float value : {kNaN, -1.0f, 0.0f, std::numeric_limits<float>::infinity()}) {
    SCOPED_TRACE(value);
    const Box box = closer_box(map(std::vector<float>(16, value)), {0, 0, 50, 30}, image);
    EXPECT_TRUE(check_box(box, image).has_value());
  }
}

TEST(Closer, OfNothingIsNothing) {
  const Heatmap warm = map(std::vector<float>(16, 1));
  EXPECT_EQ(closer_box(warm, {0, 0, 10, 10}, Image{}), Box{});
  Heatmap none = warm;
  none.values.clear();
  EXPECT_EQ(closer_box(none, {0, 0, 50, 30}, photo(50, 30)), (Box{10, 0, 30, 30}));
}

}  // namespace
}  // namespace testing
}  // namespace gradcam
