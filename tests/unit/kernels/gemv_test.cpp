#include "kernels/gemv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "support/compare.h"
#include "support/random.h"

namespace gradcam::testing {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kCanary = 12345.5f;
constexpr double kTolerance = 2e-6;

/// Multiplies with one matrix, in float32 and int8, forward and transposed, and compares with the
/// definition.
class GemvTester {
 public:
  GemvTester& matrix(std::size_t outputs, std::size_t inputs) {
    outputs_ = outputs;
    inputs_ = inputs;
    return *this;
  }

  /// How many vectors are multiplied by the transposed matrix at once.
  GemvTester& rows(std::size_t rows) {
    rows_ = rows;
    return *this;
  }

  /// Every `n`th row of the matrix is of no interest: its factors are 0 and it holds NaN.
  GemvTester& dead_every(std::size_t n) {
    dead_every_ = n;
    return *this;
  }

  void test() {
    SCOPED_TRACE(std::to_string(outputs_) + "x" + std::to_string(inputs_) + ", " +
                 std::to_string(rows_) + " rows, dead every " + std::to_string(dead_every_));
    Random random(outputs_ * 10007 + inputs_ * 101 + rows_);
    int8_.resize(outputs_ * inputs_);
    for (auto& value : int8_) value = static_cast<std::int8_t>(random.bits() % 255 - 127);
    scale_ = random.uniform(outputs_, 0.01f);
    x_ = random.uniform(inputs_);
    y_ = random.uniform(rows_ * outputs_);
    w_ = random.uniform(outputs_ * inputs_);
    if (dead_every_ == 0) test_forward();
    test_transposed();
  }

 private:
  bool dead(std::size_t o) const { return dead_every_ != 0 && o % dead_every_ == 0; }

  std::vector<float> dequantised() const {
    std::vector<float> w(int8_.size());
    for (std::size_t i = 0; i < w.size(); ++i) {
      w[i] = static_cast<float>(int8_[i]) * scale_[i / inputs_];
    }
    return w;
  }

  std::vector<float> forward(const std::vector<float>& w) const {
    std::vector<float> y(outputs_);
    for (std::size_t o = 0; o < outputs_; ++o) {
      double sum = 0;
      for (std::size_t i = 0; i < inputs_; ++i) sum += double{w[o * inputs_ + i]} * x_[i];
      y[o] = static_cast<float>(sum);
    }
    return y;
  }

  std::vector<float> transposed(const std::vector<float>& w) const {
    std::vector<float> x;
    for (std::size_t r = 0; r < rows_; ++r) {
      for (std::size_t i = 0; i < inputs_; ++i) {
        double sum = 0;
        for (std::size_t o = 0; o < outputs_; ++o) {
          if (!dead(o)) sum += double{y_[r * outputs_ + o]} * w[o * inputs_ + i];
        }
        x.push_back(static_cast<float>(sum));
      }
    }
    return x;
  }

  /// `run(target)` must fill all of `target` and nothing behind it with what is expected. One sum
  /// alone may happen to be near 0, so errors are relative to 1 if all are smaller.
  template <class Run>
  static void expect_output(const std::vector<float>& expected, Run&& run) {
    std::vector<float> actual(expected.size() + 16, kCanary);
    std::fill_n(actual.begin(), expected.size(), kNaN);
    run(actual.data());
    EXPECT_TRUE(std::all_of(actual.begin() + static_cast<std::ptrdiff_t>(expected.size()),
                            actual.end(), [](float v) { return v == kCanary; }))
        << "wrote behind the output";
    actual.resize(expected.size());
    const double error = rms_difference(actual, expected);
    EXPECT_FALSE(std::isnan(error));
    EXPECT_LE(error, kTolerance * std::max(1.0, rms(expected)));
  }

  void test_forward() const {
    expect_output(forward(w_), [&](float* y) { gemv(w_.data(), x_.data(), outputs_, inputs_, y); });
    expect_output(forward(w_),
                  [&](float* y) { reference::gemv(w_.data(), x_.data(), outputs_, inputs_, y); });
    expect_output(forward(dequantised()), [&](float* y) {
      gemv(int8_.data(), scale_.data(), x_.data(), outputs_, inputs_, y);
    });
  }

  void test_transposed() {
    for (std::size_t o = 0; o < outputs_; ++o) {
      if (!dead(o)) continue;
      for (std::size_t r = 0; r < rows_; ++r) y_[r * outputs_ + o] = r % 2 == 0 ? 0.0f : -0.0f;
    }
    expect_output(transposed(w_), [&](float* x) {
      reference::gemv_transposed(w_.data(), y_.data(), rows_, outputs_, inputs_, x);
    });
    expect_output(transposed(dequantised()), [&](float* x) {
      gemv_transposed(int8_.data(), scale_.data(), y_.data(), rows_, outputs_, inputs_, x);
    });
    // Rows that nobody needs are not even looked at.
    for (std::size_t o = 0; o < outputs_; ++o) {
      if (dead(o))
        std::fill_n(w_.begin() + static_cast<std::ptrdiff_t>(o * inputs_), inputs_, kNaN);
    }
    expect_output(transposed(w_), [&](float* x) {
      gemv_transposed(w_.data(), y_.data(), rows_, outputs_, inputs_, x);
    });
  }

  std::size_t outputs_ = 1;
  std::size_t inputs_ = 1;
  std::size_t rows_ = 1;
  std::size_t dead_every_ = 0;
  std::vector<float> w_;
  std::vector<std::int8_t> int8_;
  std::vector<float> scale_;
  std::vector<float> x_;
  std::vector<float> y_;
};

TEST(Gemv, AgreesWithTheDefinitionForOddSizes) {
  for (const std::size_t outputs : {1, 2, 3, 4, 5, 8, 15, 17, 33}) {
    for (const std::size_t inputs : {1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 100}) {
      for (const std::size_t rows : {1, 2, 3, 4, 5, 7}) {
        GemvTester().matrix(outputs, inputs).rows(rows).test();
        if (HasFailure()) return;
      }
    }
  }
}

TEST(Gemv, SkipsRowsThatNobodyNeeds) {
  for (const std::size_t outputs : {1, 4, 5, 11, 33}) {
    for (const std::size_t every : {1, 2, 3}) {
      for (const std::size_t rows : {1, 3, 5}) {
        GemvTester().matrix(outputs, 19).rows(rows).dead_every(every).test();
        if (HasFailure()) return;
      }
    }
  }
}

TEST(Gemv, KeepsRowsThatOneVectorNeeds) {
  // The second vector alone needs row 0, the first alone row 1.
  const float w[] = {1, 2, 3, 10, 20, 30};
  const float y[] = {0, 1, 1, 0};
  float x[6] = {};
  gemv_transposed(w, y, 2, 2, 3, x);
  const float expected[] = {10, 20, 30, 1, 2, 3};
  EXPECT_TRUE(std::ranges::equal(x, expected));
}

TEST(Gemv, KeepsItsAccuracyOverManyInputs) { GemvTester().matrix(9, 25088).rows(2).test(); }

}  // namespace
}  // namespace gradcam::testing
