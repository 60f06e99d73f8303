#pragma once

#include <gtest/gtest.h>

#include <span>

namespace gradcam::testing {

/// How far float32 may be from the float64 oracle: the network's own goal.
inline constexpr double kOracleTolerance = 1e-4;

/// sqrt(mean((a - b)^2))
double rms_difference(std::span<const float> a, std::span<const float> b);

/// sqrt(mean(a^2))
double rms(std::span<const float> a);

/// Whether both max|actual - expected| / max|expected| and the same ratio of root mean squares are
/// within the tolerance, and every actual value is finite. Where all of `expected` is zero, all of
/// `actual` must be. For `EXPECT_TRUE(close(a, b))`.
::testing::AssertionResult close(std::span<const float> actual, std::span<const float> expected,
                                 double tolerance = kOracleTolerance);

}  // namespace gradcam::testing
