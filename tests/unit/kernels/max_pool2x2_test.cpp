#include "kernels/max_pool2x2.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "support/random.h"

namespace gradcam::testing {
namespace {

TEST(MaxPool2x2, TakesTheMaximumOfEveryWindowAndDropsOddEdges) {
  constexpr float kCanary = 12345.5f;
  Random random(3);
  for (const std::size_t height : {1, 2, 3, 6}) {
    for (const std::size_t width : {1, 2, 5, 8}) {
      for (const std::size_t channels : {1, 3, 4, 5, 8, 11}) {
        SCOPED_TRACE(std::to_string(height) + "x" + std::to_string(width) + "x" +
                     std::to_string(channels));
        const auto x = random.uniform(height * width * channels);
        const std::size_t rows = height / 2;
        const std::size_t columns = width / 2;
        std::vector<float> y(rows * columns * channels + 8, kCanary);
        max_pool2x2(x.data(), height, width, channels, y.data());
        for (std::size_t i = 0; i < rows * columns * channels; ++i) {
          const std::size_t c = i % channels;
          const std::size_t column = i / channels % columns;
          const std::size_t row = i / channels / columns;
          const auto at = [&](std::size_t dy, std::size_t dx) {
            return x[((2 * row + dy) * width + 2 * column + dx) * channels + c];
          };
          ASSERT_EQ(y[i], std::max({at(0, 0), at(0, 1), at(1, 0), at(1, 1)})) << i;
        }
        EXPECT_TRUE(std::all_of(y.end() - 8, y.end(), [](float v) { return v == kCanary; }));
      }
    }
  }
}

}  // namespace
}  // namespace gradcam::testing
