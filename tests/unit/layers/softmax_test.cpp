#include "gradcam/layers/softmax.h"

#include <gtest/gtest.h>

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
    ASSERT_OK_AND_ASSIGN(Tensor gradient, oracle.tensor(name + "/gradient"));
    ASSERT_OK_AND_ASSIGN(const Tensor slope, oracle.tensor(name + "/logits_gradient"));

    std::vector<float> p(logits.size());
    softmax_forward(logits.values(), temperature.data()[0], p);
    EXPECT_TRUE(close(p, expected.values()));
    EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1.0, 1e-6);

    std::vector<float> in_place(logits.values().begin(), logits.values().end());
    softmax_forward(in_place, 1.0f, in_place);
    EXPECT_TRUE(close(in_place, at_one.values()));
    softmax_backward(in_place, gradient.values());
    EXPECT_TRUE(close(gradient.values(), slope.values()));
  }
}

TEST(Softmax, BackwardIsTheSlopeOfForward) {
  Random random(16);
  const std::vector<float> logits = random.uniform(9, 2.0f);
  std::vector<float> gradient = random.uniform(9);
  std::vector<float> p(9);
  const auto slope = central_differences(logits, 0.02f, [&](std::span<const float> at) {
    softmax_forward(at, 1.0f, p);
    return dot(p, gradient);
  });
  softmax_forward(logits, 1.0f, p);
  softmax_backward(p, gradient);
  EXPECT_TRUE(close(gradient, slope, 1e-3));  // of the step's square
}

TEST(Softmax, OfNothingIsNothing) {
  softmax_forward({}, 1.0f, {});
  softmax_backward({}, {});
}

}  // namespace
}  // namespace gradcam::testing
