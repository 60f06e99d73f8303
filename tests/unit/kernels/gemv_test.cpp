#include "gradcam/kernels/gemv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gradcam/tensor/int4.h"
#include "support/compare.h"
#include "support/random.h"
#include "support/values.h"

namespace gradcam::testing {
namespace {

constexpr double kTolerance = 3e-6;  // 25088 float products, in an order that builds differ in

/// Multiplies with one matrix in every format, forward and transposed, and compares with the
/// reference.
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

  /// Every `n`th column is wanted alone; the others of what is made of them do not matter.
  GemvTester& wanted_every(std::size_t n) {
    wanted_every_ = n;
    return *this;
  }

  void test() {
    SCOPED_TRACE(std::to_string(outputs_) + "x" + std::to_string(inputs_) + ", " +
                 std::to_string(rows_) + " rows, dead every " + std::to_string(dead_every_) +
                 ", wanted every " + std::to_string(wanted_every_));
    RandomFloats random(outputs_ * 10007 + inputs_ * 101 + rows_);
    int8_.resize(outputs_ * inputs_);
    for (auto& value : int8_) value = static_cast<std::int8_t>(random.bits() % 255 - 127);
    scale_ = random.uniform(outputs_, 0.01f);
    float16_.resize(outputs_ * inputs_);
    for (std::size_t i = 0; i < float16_.size(); ++i) {
      // A third are subnormal, of either sign.
      float16_[i] = f32_to_f16(random.uniform() * (i % 3 == 0 ? 0x1p-15f : 1.0f));
    }
    x_ = random.uniform(inputs_);
    y_ = random.uniform(rows_ * outputs_);
    w_ = random.uniform(outputs_ * inputs_);
    where_.clear();
    for (std::size_t i = 0; i < inputs_ && wanted_every_ != 0; ++i) {
      where_.push_back(i % wanted_every_ == 0 ? -1e-30f : i % 2 == 0 ? 0.0f : -0.0f);
    }
    if (dead_every_ == 0) test_forward();
    test_transposed();
    // Rows of int4 are whole blocks, and groups need not divide them.
    if (inputs_ % kInt4Block != 0) return;
    for (const std::size_t group : {kInt4Block, 3 * kInt4Block, 4 * kInt4Block, 128 * kInt4Block}) {
      test_int4(random, group);
    }
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

  std::vector<float> expanded_float16() const {
    std::vector<float> w(float16_.size());
    std::ranges::transform(float16_, w.begin(), f16_to_f32);
    return w;
  }

  void test_int4(RandomFloats& random, std::size_t group) const {
    SCOPED_TRACE("int4 in groups of " + std::to_string(group));
    const std::size_t groups = (inputs_ + group - 1) / group;
    const std::vector<float> scale = random.uniform(outputs_ * groups, 0.1f);
    std::vector<std::uint8_t> packed(outputs_ * inputs_ / 2);
    std::vector<float> w;
    for (std::size_t o = 0; o < outputs_; ++o) {
      for (std::size_t i = 0; i < inputs_; ++i) {
        const int q = static_cast<int>(random.bits() % 16) - 8;
        set_int4(packed.data() + o * inputs_ / 2, i, q);
        w.push_back(static_cast<float>(q) * scale[o * groups + i / group]);
      }
    }
    if (dead_every_ == 0) {
      expect_output(forward(w), [&](float* y) {
        gemv(packed.data(), scale.data(), group, x_.data(), outputs_, inputs_, y);
      });
    }
    expect_transposed(w, [&](float* x) {
      gemv_transposed(packed.data(), scale.data(), group, y_.data(), rows_, outputs_, inputs_, x,
                      where());
    });
  }

  std::vector<float> forward(const std::vector<float>& w) const {
    std::vector<float> y(outputs_);
    reference::gemv(w.data(), x_.data(), outputs_, inputs_, y.data());
    return y;
  }

  const float* where() const { return wanted_every_ == 0 ? nullptr : where_.data(); }

  /// `run(x)` multiplies by W transposed.
  template <class Run>
  void expect_transposed(const std::vector<float>& w, Run&& run) const {
    std::vector<float> expected(rows_ * inputs_);
    reference::gemv_transposed(w.data(), y_.data(), rows_, outputs_, inputs_, expected.data());
    const auto drop_unwanted = [&](float* x) {
      for (std::size_t i = 0; i < expected.size() && wanted_every_ != 0; ++i) {
        if (where_[i % inputs_] == 0 && std::isfinite(x[i])) x[i] = 0;
      }
    };
    drop_unwanted(expected.data());
    expect_output(expected, [&](float* x) {
      run(x);
      drop_unwanted(x);
    });
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
    expect_output(forward(expanded_float16()),
                  [&](float* y) { gemv(float16_.data(), x_.data(), outputs_, inputs_, y); });
    expect_output(forward(dequantised()), [&](float* y) {
      gemv(int8_.data(), scale_.data(), x_.data(), outputs_, inputs_, y);
    });
  }

  void test_transposed() {
    for (std::size_t o = 0; o < outputs_; ++o) {
      if (!dead(o)) continue;
      for (std::size_t r = 0; r < rows_; ++r) y_[r * outputs_ + o] = r % 2 == 0 ? 0.0f : -0.0f;
    }
    expect_transposed(expanded_float16(), [&](float* x) {
      gemv_transposed(float16_.data(), y_.data(), rows_, outputs_, inputs_, x, where());
    });
    expect_transposed(dequantised(), [&](float* x) {
      gemv_transposed(int8_.data(), scale_.data(), y_.data(), rows_, outputs_, inputs_, x, where());
    });
    // Rows that nobody needs are not even looked at.
    for (std::size_t o = 0; o < outputs_; ++o) {
      if (dead(o))
        std::fill_n(w_.begin() + static_cast<std::ptrdiff_t>(o * inputs_), inputs_, kNaN);
    }
    expect_transposed(w_, [&](float* x) {
      gemv_transposed(w_.data(), y_.data(), rows_, outputs_, inputs_, x, where());
    });
  }

  std::size_t outputs_ = 1;
  std::size_t inputs_ = 1;
  std::size_t rows_ = 1;
  std::size_t dead_every_ = 0;
  std::size_t wanted_every_ = 0;
  std::vector<float> where_;
  std::vector<float> w_;
  std::vector<Float16> float16_;
  std::vector<std::int8_t> int8_;
  std::vector<float> scale_;
  std::vector<float> x_;
  std::vector<float> y_;
};

TEST(Gemv, AgreesWithTheDefinitionForOddSizes) {
  for (const std::size_t outputs : {1, 2, 3, 4, 5, 8, 15, 17, 33}) {
    for (const std::size_t inputs : {1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 40, 100}) {
      for (const std::size_t rows : {1, 2, 3, 4, 5, 7, 15}) {
        GemvTester().matrix(outputs, inputs).rows(rows).test();
        if (HasFailure()) return;
      }
    }
  }
}

TEST(Gemv, SkipsRowsThatNobodyNeeds) {
  for (const std::size_t outputs : {1, 4, 5, 11, 33}) {
    for (const std::size_t every : {1, 2, 3}) {
      for (const std::size_t rows : {1, 3, 5, 6}) {
        GemvTester().matrix(outputs, 19).rows(rows).dead_every(every).test();
        GemvTester().matrix(outputs, 24).rows(rows).dead_every(every).test();
        if (HasFailure()) return;
      }
    }
  }
}

TEST(Gemv, GoesOnFromBlockToBlock) {
  for (const std::size_t inputs : {511, 512, 1040}) {
    for (const std::size_t rows : {3, 4, 15}) {
      GemvTester().matrix(150, inputs).rows(rows).test();
      GemvTester().matrix(130, inputs).rows(rows).dead_every(2).test();
    }
  }
}

TEST(Gemv, LeavesOutWhatIsNotWanted) {
  for (const std::size_t inputs : {1, 7, 8, 24, 255, 256, 257, 520, 1040}) {
    for (const std::size_t every : {1, 2, 3, 300}) {
      for (const std::size_t rows : {1, 3, 4, 15}) {
        GemvTester().matrix(21, inputs).rows(rows).wanted_every(every).test();
        GemvTester().matrix(33, inputs).rows(rows).wanted_every(every).dead_every(2).test();
        if (HasFailure()) return;
      }
    }
  }
  // Not even one column.
  const float w[] = {1, 2, 3};
  const float y[] = {1, 1, 1, 1};
  const float where[] = {0, 0, 0};
  std::vector<float> x(12, kNaN);
  gemv_transposed(w, y, 4, 1, 3, x.data(), where);
  EXPECT_TRUE(std::ranges::all_of(x, [](float value) { return value == 0; }));
}

TEST(Gemv, MultipliesByAnyNumberOfVectors) {
  for (const std::size_t rows : {63, 64, 65, 130}) {
    GemvTester().matrix(19, 41).rows(rows).test();
    GemvTester().matrix(19, 300).rows(rows).wanted_every(2).test();
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

TEST(Gemv, ReadsEveryFiniteFloat16) {
  std::vector<Float16> w;
  for (unsigned bits = 0; bits < 65536; ++bits) {
    if ((bits & kFloat16Magnitude) < kFloat16Infinity) w.push_back(static_cast<Float16>(bits));
  }
  // Times one: the weights themselves.
  ASSERT_EQ(w.size() % 8, 0u);
  for (std::size_t i = 0; i < w.size(); i += 8) {
    const float one = 1;
    float x[8];
    gemv_transposed(w.data() + i, &one, 1, 1, 8, x);
    for (std::size_t k = 0; k < 8; ++k) ASSERT_EQ(x[k], f16_to_f32(w[i + k])) << w[i + k];
  }
}

/// y of a matrix of one row whose numbers are all `number`, in int8 and in int4.
std::vector<float> products_of_constant(int number, const std::vector<float>& x) {
  const std::vector<std::int8_t> int8(x.size(), static_cast<std::int8_t>(number));
  std::vector<std::uint8_t> int4(x.size() / 2);
  for (std::size_t i = 0; i < x.size(); ++i) set_int4(int4.data(), i, number);
  const float scale = 1;
  std::vector<float> y(2);
  gemv(int8.data(), &scale, x.data(), 1, x.size(), y.data());
  gemv(int4.data(), &scale, x.size(), x.data(), 1, x.size(), y.data() + 1);
  return y;
}

TEST(Gemv, TakesTheLargestWholeNumbers) {
  const std::vector<float> x(8192, 3.0f);
  const std::vector<float> expected(2, 3.0f * 8192 * -8);
  EXPECT_EQ(products_of_constant(-8, x), expected);
  const std::vector<std::int8_t> w(x.size(), -128);
  const float scale = 1;
  float y = 0;
  gemv(w.data(), &scale, x.data(), 1, x.size(), &y);
  EXPECT_EQ(y, 3.0f * 8192 * -128);
}

TEST(Gemv, TakesVectorsOfAnySize) {
  for (const float size : {0.0f, 1e-45f, 1e-30f, 1e30f}) {
    SCOPED_TRACE(size);
    const std::vector<float> x(64, size);
    for (const float y : products_of_constant(5, x))
      EXPECT_NEAR(y, 320 * size, 3e-6f * 320 * size + 1e-40f);
  }
}

TEST(Gemv, PassesOnWhatIsNotANumber) {
  for (const float bad : {kNaN, std::numeric_limits<float>::infinity()}) {
    std::vector<float> x(64, 1.0f);
    x[20] = bad;
    for (const float y : products_of_constant(5, x)) EXPECT_FALSE(std::isfinite(y)) << bad;
  }
}

TEST(Gemv, KeepsItsAccuracyOverManyInputs) { GemvTester().matrix(9, 25088).rows(2).test(); }

}  // namespace
}  // namespace gradcam::testing
