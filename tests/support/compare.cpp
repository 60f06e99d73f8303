#include "support/compare.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace gradcam::testing {

double rms_difference(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = double{a[i]} - b[i];
    sum += difference * difference;
  }
  return a.empty() ? 0 : std::sqrt(sum / static_cast<double>(a.size()));
}

double rms(std::span<const float> a) {
  double sum = 0;
  for (const float value : a) sum += double{value} * value;
  return a.empty() ? 0 : std::sqrt(sum / static_cast<double>(a.size()));
}

::testing::AssertionResult close(std::span<const float> actual, std::span<const float> expected,
                                 double tolerance) {
  if (actual.size() != expected.size()) {
    return ::testing::AssertionFailure()
           << actual.size() << " values, but expected are " << expected.size();
  }
  double largest = 0;
  double worst = 0;
  std::size_t where = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (!std::isfinite(actual[i])) {
      return ::testing::AssertionFailure() << "value " << i << " is " << actual[i];
    }
    largest = std::max(largest, std::fabs(double{expected[i]}));
    const double difference = std::fabs(double{actual[i]} - expected[i]);
    if (difference > worst) {
      worst = difference;
      where = i;
    }
  }
  if (worst > tolerance * largest) {
    return ::testing::AssertionFailure()
           << "value " << where << " of " << expected.size() << " is " << actual[where]
           << ", but expected is " << expected[where] << ": off by " << worst / largest
           << " of the largest value " << largest;
  }
  const double error = rms_difference(actual, expected);
  if (error > tolerance * rms(expected)) {
    return ::testing::AssertionFailure()
           << "the relative root mean square error is " << error / rms(expected);
  }
  return ::testing::AssertionSuccess();
}

}  // namespace gradcam::testing
