#include "gradcam/layers/softmax.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "support/compare.h"
#include "support/finite_differences.h"
#include "support/random.h"
#include "support/result.h"
#include "support/tensor_file.h"

namespace gradcam::testing {
namespace {

TEST(Softmax, AgreesWithPyTorch) {
  ASSERT_OK_AND_ASSIGN(const TensorFile oracle, TensorFile::read(oracle_fixture("layers")));
  const auto cases = oracle.cases("softmax/");
  ASSERT_EQ(cases.size(), 4u);
  for (const std::string& name : cases) {
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(const Tensor logits, oracle.tensor(name + "/logits"));
    ASSERT_OK_AND_ASSIGN(const Tensor temperature, oracle.tensor(name + "/temperature"));
    ASSERT_OK_AND_ASSIGN(const Tensor expected, oracle.tensor(name + "/probabilities"));
    ASSERT_OK_AND_ASSIGN(const Tensor at_one, oracle.tensor(name + "/probabilities_1"));
    ASSERT_OK_AND_ASSIGN(const Tensor gradient, oracle.tensor(name + "/gradient"));
    ASSERT_OK_AND_ASSIGN(const Tensor slope, oracle.tensor(name + "/logits_gradient"));

    std::vector<float> p(logits.size());
    softmax_forward(logits.values(), temperature.data()[0], p);
    EXPECT_TRUE(close(p, expected.values()));
    EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1.0, 1e-6);

    std::vector<float> in_place(logits.values().begin(), logits.values().end());
    softmax_forward(in_place, 1.0f, in_place);
    EXPECT_TRUE(close(in_place, at_one.values()));

    // The chain rule: what each probability counts for, times the gradient of that probability.
    std::vector<float> of_one(logits.size());
    std::vector<double> sum(logits.size());
    for (std::size_t c = 0; c < logits.size(); ++c) {
      softmax_backward(logits.values(), 1.0f, c, of_one);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += gradient.data()[c] * of_one[i];
    }
    EXPECT_TRUE(close(std::vector<float>(sum.begin(), sum.end()), slope.values()));
  }
}

TEST(Softmax, BackwardIsTheSlopeOfForward) {
  RandomFloats random(16);
  const std::vector<float> logits = random.uniform(9, 2.0f);
  std::vector<float> p(9);
  std::vector<float> gradient(9);
  for (const float temperature : {1.0f, 1.7f}) {
    for (std::size_t c = 0; c < 9; ++c) {
      SCOPED_TRACE(c);
      const auto slope = central_differences(logits, 0.02f, [&](std::span<const float> at) {
        softmax_forward(at, temperature, p);
        return p[c];
      });
      softmax_backward(logits, temperature, c, gradient);
      EXPECT_TRUE(close(gradient, slope, 1e-3));  // of the step's square
    }
  }
}

/// Where the probability is 1 as a float, and as a double.
TEST(Softmax, OfACertainClassHasASlope) {
  const std::vector<float> logits = {0, 60, 1};
  std::vector<float> gradient(3);
  softmax_backward(logits, 1.0f, 1, gradient);
  const double others = std::exp(-60.0) + std::exp(-59.0);
  EXPECT_NEAR(double{gradient[1]} / others, 1, 1e-6);
  EXPECT_NEAR(double{gradient[0]} / -std::exp(-60.0), 1, 1e-6);
}

TEST(Softmax, OfNothingIsNothing) { softmax_forward({}, 1.0f, {}); }

}  // namespace
}  // namespace gradcam::testing
