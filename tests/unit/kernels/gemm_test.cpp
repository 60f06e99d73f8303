#include "kernels/gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "support/compare.h"
#include "support/random.h"
#include "support/result.h"

namespace gradcam::testing {
namespace {

TEST(Gemm, AgreesWithTheReferenceForOddSizes) {
  constexpr double kTolerance = 3e-6;
  for (const std::size_t rows : {1, 2, 5, 7, 13}) {
    for (const std::size_t outputs : {1, 7, 8, 9, 30, 131}) {
      for (const std::size_t inputs : {1, 4, 37, 130, 300}) {
        SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(outputs) + " x " +
                     std::to_string(inputs));
        Random random(rows * 10007 + outputs * 101 + inputs);
        const auto x = random.uniform(rows * inputs);
        const auto w = random.uniform(outputs * inputs);
        constexpr float kCanary = 12345.5f;
        std::vector<float> expected(rows * outputs);
        std::vector<float> actual(rows * outputs + 1, kCanary);
        reference::gemm(w.data(), x.data(), rows, outputs, inputs, expected.data());
        const auto row = [&](std::size_t output, std::span<float> to) {
          std::ranges::copy(std::span(w).subspan(output * inputs, inputs), to.begin());
        };
        ASSERT_OK(gemm(row, x.data(), rows, outputs, inputs, actual.data()));
        EXPECT_EQ(actual.back(), kCanary);
        actual.pop_back();
        EXPECT_TRUE(close(actual, expected, kTolerance));
      }
    }
  }
}

}  // namespace
}  // namespace gradcam::testing
