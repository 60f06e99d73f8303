#include "gradcam/layers/max_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "support/finite_differences.h"
#include "support/random.h"
#include "support/result.h"
#include "support/tensor_file.h"

namespace gradcam::testing {
namespace {

TEST(MaxPool, AgreesWithPyTorchBitByBit) {
  ASSERT_OK_AND_ASSIGN(const TensorFile oracle, TensorFile::read(oracle_fixture("layers")));
  const auto cases = oracle.cases("max_pool/");
  ASSERT_EQ(cases.size(), 3u);
  for (const std::string& name : cases) {
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(const Tensor x, oracle.tensor(name + "/x"));
    ASSERT_OK_AND_ASSIGN(const Tensor expected, oracle.tensor(name + "/y"));
    ASSERT_OK_AND_ASSIGN(const Tensor gradient, oracle.tensor(name + "/gradient"));
    ASSERT_OK_AND_ASSIGN(const Tensor x_gradient, oracle.tensor(name + "/x_gradient"));
    ASSERT_OK_AND_ASSIGN(Tensor y, Tensor::zeros(expected.shape()));
    ASSERT_OK(max_pool_forward(x, y));
    EXPECT_TRUE(std::ranges::equal(y.values(), expected.values()));
    ASSERT_OK_AND_ASSIGN(const Tensor back, max_pool_backward(x, gradient));
    EXPECT_EQ(back.shape(), x.shape());
    EXPECT_TRUE(std::ranges::equal(back.values(), x_gradient.values()));
  }
}

TEST(MaxPool, GivesTheGradientToTheFirstMaximum) {
  // Four windows of one channel: all zero, a tie in the lower row, a tie of all, one maximum.
  const std::array<float, 16> x = {0, 0, 1,  2,   //
                                   0, 0, 3,  3,   //
                                   5, 5, -4, -3,  //
                                   5, 5, -2, -1};
  const std::array<float, 4> gradient = {10, 20, 30, 40};
  const std::array<float, 16> expected = {10, 0, 0,  0,  //
                                          0,  0, 20, 0,  //
                                          30, 0, 0,  0,  //
                                          0,  0, 0,  40};
  ASSERT_OK_AND_ASSIGN(const Tensor input, Tensor::from({4, 4, 1}, x));
  ASSERT_OK_AND_ASSIGN(const Tensor upper, Tensor::from({2, 2, 1}, gradient));
  ASSERT_OK_AND_ASSIGN(const Tensor back, max_pool_backward(input, upper));
  EXPECT_TRUE(std::ranges::equal(back.values(), expected));
}

TEST(MaxPool, BackwardIsTheSlopeOfForward) {
  // A shuffle of 0, 1, 2, ...: no two values of a window are closer than the steps.
  RandomFloats random(12);
  std::vector<float> values(std::size_t{5} * 6 * 3);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  for (std::size_t i = values.size() - 1; i > 0; --i) {
    std::swap(values[i], values[random.bits() % (i + 1)]);
  }
  ASSERT_OK_AND_ASSIGN(const Tensor x, Tensor::from({5, 6, 3}, values));
  ASSERT_OK_AND_ASSIGN(const Tensor gradient, Tensor::from({2, 3, 3}, random.uniform(18)));
  const auto slope = central_differences(x.values(), 0.25f, [&](std::span<const float> at) {
    const auto moved = Tensor::from(x.shape(), at);
    auto y = Tensor::zeros(gradient.shape());
    EXPECT_TRUE(max_pool_forward(*moved, *y).has_value());
    return dot(y->values(), gradient.values());
  });
  ASSERT_OK_AND_ASSIGN(const Tensor back, max_pool_backward(x, gradient));
  for (std::size_t i = 0; i < slope.size(); ++i) {
    EXPECT_NEAR(back.data()[i], slope[i], 1e-6) << i;
  }
}

TEST(MaxPool, RefusesShapesThatDoNotFit) {
  ASSERT_OK_AND_ASSIGN(const Tensor x, Tensor::zeros({6, 6, 2}));
  for (const Shape& shape : {Shape{3, 2, 2}, Shape{2, 3, 2}, Shape{3, 3, 1}, Shape{18}}) {
    ASSERT_OK_AND_ASSIGN(Tensor y, Tensor::zeros(shape));
    const std::string message = error_message(max_pool_forward(x, y), ErrorCode::kInvalidArgument);
    EXPECT_NE(message.find(to_string(shape)), std::string::npos) << message;
    EXPECT_NE(error_message(max_pool_backward(x, y), ErrorCode::kInvalidArgument), "");
  }
}

}  // namespace
}  // namespace gradcam::testing
