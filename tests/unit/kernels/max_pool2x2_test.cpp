#include "gradcam/kernels/max_pool2x2.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "support/random.h"
#include "support/values.h"

namespace gradcam::testing {
namespace {

TEST(MaxPool2x2, TakesTheMaximumOfEveryWindowAndDropsOddEdges) {
  RandomFloats random(3);
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

TEST(MaxPool2x2, GivesTheGradientToTheFirstMaximumOfEveryWindow) {
  RandomFloats random(4);
  for (const std::size_t height : {1, 2, 3, 6}) {
    for (const std::size_t width : {1, 2, 5, 8}) {
      for (const std::size_t channels : {1, 3, 4, 5, 8, 11}) {
        SCOPED_TRACE(std::to_string(height) + "x" + std::to_string(width) + "x" +
                     std::to_string(channels));
        // Few values, so that many are equal.
        std::vector<float> x = random.uniform(height * width * channels);
        for (float& value : x) value = std::round(2 * value);
        const std::size_t rows = height / 2;
        const std::size_t columns = width / 2;
        const auto gradient = random.uniform(rows * columns * channels);
        std::vector<float> expected(x.size(), 0.0f);
        for (std::size_t i = 0; i < gradient.size(); ++i) {
          const std::size_t row = i / channels / columns;
          const std::size_t column = i / channels % columns;
          std::size_t winner = 0;
          for (const std::size_t corner : {0, 1, 2, 3}) {
            const std::size_t place =
                ((2 * row + corner / 2) * width + 2 * column + corner % 2) * channels +
                i % channels;
            if (corner == 0 || x[place] > x[winner]) winner = place;
          }
          expected[winner] = gradient[i];
        }
        for (const bool through_relu : {false, true}) {
          std::vector<float> result(x.size() + 8, kCanary);
          max_pool2x2_backward(x.data(), height, width, channels, gradient.data(), result.data(),
                               through_relu);
          for (std::size_t i = 0; i < x.size(); ++i) {
            ASSERT_EQ(result[i], through_relu && x[i] <= 0 ? 0 : expected[i]) << i;
          }
          EXPECT_TRUE(
              std::all_of(result.end() - 8, result.end(), [](float v) { return v == kCanary; }));
        }
      }
    }
  }
}

}  // namespace
}  // namespace gradcam::testing
