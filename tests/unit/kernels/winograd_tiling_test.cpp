#include "gradcam/kernels/winograd_tiling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace gradcam::winograd {
namespace {

constexpr std::size_t kSides[] = {4, 6};

TEST(Cover, IsTheCheapestThatReachesTheEnd) {
  for (const std::size_t side : kSides) {
    for (std::size_t outputs = 1; outputs <= 60; ++outputs) {
      SCOPED_TRACE(std::to_string(outputs) + " in tiles of " + std::to_string(side));
      std::size_t fewest = outputs * (side + 2);
      for (std::size_t large = 0; large <= outputs; ++large) {
        for (std::size_t small = 0; small <= outputs; ++small) {
          if (large * side + small * (side - 2) < outputs) continue;
          fewest = std::min(fewest, large * (side + 2) + small * side);
        }
      }
      EXPECT_EQ(cover(outputs, side).points(), fewest);
    }
  }
}

TEST(Cover, FitsTheMapsOfVgg16) {
  const Cover block4 = cover(28, 6);
  EXPECT_EQ(block4.large, 4u);
  EXPECT_EQ(block4.small, 1u);
  const Cover block5 = cover(14, 4);
  EXPECT_EQ(block5.large, 3u);
  EXPECT_EQ(block5.small, 1u);
}

TEST(Tiling, CoversEveryOutputOnce) {
  for (const std::size_t side : kSides) {
    for (std::size_t rows = 1; rows <= 20; ++rows) {
      for (std::size_t columns = 1; columns <= 20; ++columns) {
        const Tiling tiling(rows, columns, side);
        std::vector<int> times(rows * columns);
        for (std::size_t i = 0; i < tiling.tiles(); ++i) {
          const Tiling::Tile tile = tiling.tile(i);
          ASSERT_LT(tile.y, rows);
          ASSERT_LT(tile.x, columns);
          for (std::size_t y = tile.y; y < std::min(rows, tile.y + tile.rows); ++y) {
            for (std::size_t x = tile.x; x < std::min(columns, tile.x + tile.columns); ++x) {
              ++times[y * columns + x];
            }
          }
        }
        EXPECT_EQ(times, std::vector<int>(rows * columns, 1))
            << rows << "x" << columns << " in tiles of " << side;
      }
    }
  }
}

TEST(Tiling, KnowsWhichTilesHaveAPoint) {
  for (const std::size_t side : kSides) {
    const auto has = [side](std::size_t length, std::size_t point) {
      return length == side || point + 1 < side || point == side + 1;
    };
    for (const std::size_t rows : {1, 4, 7, 14, 28, 30, 35}) {
      for (const std::size_t columns : {2, 6, 13, 14, 28, 56}) {
        SCOPED_TRACE(std::to_string(rows) + "x" + std::to_string(columns) + " in tiles of " +
                     std::to_string(side));
        const Tiling tiling(rows, columns, side);
        for (std::size_t y = 0; y < side + 2; ++y) {
          for (std::size_t x = 0; x < side + 2; ++x) {
            const Tiling::Range range = tiling.with_point(y, x);
            for (std::size_t i = 0; i < tiling.tiles(); ++i) {
              const Tiling::Tile tile = tiling.tile(i);
              ASSERT_EQ(range.first <= i && i < range.end,
                        has(tile.rows, y) && has(tile.columns, x))
                  << "tile " << i << ", point " << y << ", " << x;
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace gradcam::winograd
