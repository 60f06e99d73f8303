#include "gradcam/layers/relu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gradcam/kernels/simd.h"
#include "support/finite_differences.h"
#include "support/random.h"
#include "support/result.h"
#include "support/tensor_file.h"

namespace gradcam::testing {
namespace {

TEST(Relu, AgreesWithPyTorchAtZeroAndItsNeighbours) {
  ASSERT_OK_AND_ASSIGN(const TensorFile oracle, TensorFile::read(oracle_fixture("layers")));
  ASSERT_OK_AND_ASSIGN(Tensor y, oracle.tensor("relu/x"));
  ASSERT_OK_AND_ASSIGN(const Tensor expected, oracle.tensor("relu/y"));
  ASSERT_OK_AND_ASSIGN(Tensor gradient, oracle.tensor("relu/gradient"));
  ASSERT_OK_AND_ASSIGN(const Tensor x_gradient, oracle.tensor("relu/x_gradient"));
  relu_forward(y.values());
  EXPECT_TRUE(std::ranges::equal(y.values(), expected.values()));
  relu_backward(y.values(), gradient.values());
  EXPECT_TRUE(std::ranges::equal(gradient.values(), x_gradient.values()));
}

TEST(Relu, KeepsWhatIsNoNumber) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> values = {nan, -1, 2};
  relu_forward(values);
  EXPECT_TRUE(std::isnan(values[0]));
  EXPECT_EQ(values[1], 0);
  EXPECT_EQ(values[2], 2);
  const simd::F32x4 given = {nan, -1, 2, nan};
  const simd::F32x4 lanes = simd::relu(given);
  EXPECT_TRUE(std::isnan(lanes[0]) && std::isnan(lanes[3]));
  EXPECT_EQ(lanes[1], 0);
  EXPECT_EQ(lanes[2], 2);
}

TEST(Relu, BackwardIsTheSlopeOfForward) {
  RandomFloats random(15);
  std::vector<float> x = random.uniform(40);
  for (float& value : x) value += value < 0 ? -1.0f : 1.0f;  // no kink within a step
  std::vector<float> gradient = random.uniform(40);
  const auto slope = central_differences(x, 0.5f, [&](std::span<const float> at) {
    std::vector<float> y(at.begin(), at.end());
    relu_forward(y);
    return dot(y, gradient);
  });
  std::vector<float> y = x;
  relu_forward(y);
  relu_backward(y, gradient);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(gradient[i], slope[i], 1e-6) << i;
}

TEST(Relu, ChangesWithoutPartsOfItsInput) {
  ASSERT_OK_AND_ASSIGN(const Tensor parts,
                       Tensor::from({4, 4}, {{1, -2, 5, 4,       // stays above 0 without 1 and -2
                                              1, -7, 2, -4,      // comes above 0 without -7
                                              -1, 3, -2, 0,      // from 0, without -1 and -2
                                              -3, 1, 2, -1}}));  // with a bias
  ASSERT_OK_AND_ASSIGN(const Tensor changes, relu_changes(parts, {{0, 2, 1}}));
  EXPECT_EQ(changes.shape(), (Shape{4, 3}));
  const std::vector<float> expected = {-1, -4, 2, 0, 0, 3, 1, 2, 0, 2, 0, 0};
  EXPECT_TRUE(std::ranges::equal(changes.values(), expected));
  EXPECT_NE(error_message(relu_changes(parts, {{3}}), ErrorCode::kInvalidArgument), "");
}

}  // namespace
}  // namespace gradcam::testing
