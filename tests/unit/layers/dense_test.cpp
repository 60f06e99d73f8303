#include "layers/dense.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/compare.h"
#include "support/finite_differences.h"
#include "support/random.h"
#include "support/result.h"
#include "support/tensor_file.h"

namespace gradcam::testing {
namespace {

Result<AlignedArray<std::int8_t>> aligned(const std::vector<std::int8_t>& values) {
  GRADCAM_TRY(auto array, allocate_array<std::int8_t>(values.size()));
  std::ranges::copy(values, array.get());
  return array;
}

/// A layer of one of PyTorch's cases.
Result<Dense> read_dense(const TensorFile& oracle, const std::string& name, bool int8) {
  GRADCAM_TRY(Tensor weight, oracle.tensor(name + "/weight"));
  GRADCAM_TRY(Tensor bias, oracle.tensor(name + "/bias"));
  if (!int8) return Dense::from_float32(std::move(weight), std::move(bias));
  GRADCAM_TRY(const auto values, oracle.int8(name + "/weight_int8"));
  GRADCAM_TRY(auto rows, aligned(values));
  GRADCAM_TRY(Tensor scale, oracle.tensor(name + "/scale"));
  return Dense::from_int8(std::move(rows), std::move(scale), std::move(bias), weight.dim(1));
}

Result<Dense> random_dense(Random& random, std::size_t outputs, std::size_t inputs) {
  GRADCAM_TRY(Tensor weight, Tensor::from({outputs, inputs}, random.uniform(outputs * inputs)));
  GRADCAM_TRY(Tensor bias, Tensor::from({outputs}, random.uniform(outputs)));
  return Dense::from_float32(std::move(weight), std::move(bias));
}

TEST(Dense, AgreesWithPyTorch) {
  ASSERT_OK_AND_ASSIGN(const TensorFile oracle, TensorFile::read(oracle_fixture("layers")));
  const auto cases = oracle.cases("dense/");
  ASSERT_EQ(cases.size(), 3u);
  for (const std::string& name : cases) {
    for (const bool int8 : {false, true}) {
      SCOPED_TRACE(name + (int8 ? ", int8" : ", float32"));
      const std::string y_name = int8 ? "/y_int8" : "/y";
      const std::string gradient_name = int8 ? "/x_gradient_int8" : "/x_gradient";
      ASSERT_OK_AND_ASSIGN(const Dense dense, read_dense(oracle, name, int8));
      ASSERT_OK_AND_ASSIGN(const Tensor x, oracle.tensor(name + "/x"));
      ASSERT_OK_AND_ASSIGN(const Tensor expected, oracle.tensor(name + y_name));
      ASSERT_OK_AND_ASSIGN(const Tensor gradient, oracle.tensor(name + "/gradient"));
      ASSERT_OK_AND_ASSIGN(const Tensor x_gradient, oracle.tensor(name + gradient_name));
      EXPECT_EQ(dense.inputs(), x.size());
      EXPECT_EQ(dense.outputs(), expected.size());
      ASSERT_OK_AND_ASSIGN(Tensor y, Tensor::zeros(expected.shape()));
      ASSERT_OK(dense.forward(x, y));
      EXPECT_TRUE(close(y.values(), expected.values()));
      ASSERT_OK_AND_ASSIGN(const Tensor back, dense.backward(gradient));
      EXPECT_EQ(back.shape(), x_gradient.shape());
      EXPECT_TRUE(close(back.values(), x_gradient.values()));
    }
  }
}

TEST(Dense, BackwardIsTheSlopeOfForward) {
  Random random(13);
  ASSERT_OK_AND_ASSIGN(const Dense dense, random_dense(random, 6, 11));
  ASSERT_OK_AND_ASSIGN(const Tensor gradient, Tensor::from({1, 6}, random.uniform(6)));
  // Linear, so that the step may be large.
  const auto slope = central_differences(random.uniform(11), 1.0f, [&](std::span<const float> at) {
    const auto x = Tensor::from({11}, at);
    auto y = Tensor::zeros({6});
    EXPECT_TRUE(dense.forward(*x, *y).has_value());
    return dot(y->values(), gradient.values());
  });
  ASSERT_OK_AND_ASSIGN(const Tensor back, dense.backward(gradient));
  EXPECT_TRUE(close(back.values(), slope));
}

TEST(Dense, SummedOverPositionsGivesTheSumOfTheGradient) {
  ASSERT_OK_AND_ASSIGN(const TensorFile oracle, TensorFile::read(oracle_fixture("layers")));
  constexpr std::size_t kPositions = 5;
  const std::string name = "dense/7x50x33";
  for (const bool int8 : {false, true}) {
    SCOPED_TRACE(int8 ? "int8" : "float32");
    ASSERT_OK_AND_ASSIGN(const Dense dense, read_dense(oracle, name, int8));
    ASSERT_OK_AND_ASSIGN(const Dense sums, dense.summed_over_positions(kPositions));
    ASSERT_OK_AND_ASSIGN(const Tensor gradient, oracle.tensor(name + "/gradient"));
    ASSERT_OK_AND_ASSIGN(const Tensor x_gradient,
                         oracle.tensor(name + "/x_gradient" + (int8 ? "_int8" : "")));
    const std::size_t channels = dense.inputs() / kPositions;
    std::vector<float> expected;
    for (std::size_t row = 0; row < x_gradient.dim(0); ++row) {
      for (std::size_t c = 0; c < channels; ++c) {
        double sum = 0;
        for (std::size_t p = 0; p < kPositions; ++p) {
          sum += x_gradient.data()[row * dense.inputs() + p * channels + c];
        }
        expected.push_back(static_cast<float>(sum));
      }
    }
    ASSERT_OK_AND_ASSIGN(const Tensor back, sums.backward(gradient));
    EXPECT_EQ(back.shape(), (Shape{x_gradient.dim(0), channels}));
    EXPECT_TRUE(close(back.values(), expected));
  }
}

TEST(Dense, RefusesShapesThatDoNotFit) {
  Random random(14);
  ASSERT_OK_AND_ASSIGN(const Dense dense, random_dense(random, 4, 6));
  ASSERT_OK_AND_ASSIGN(const Tensor five, Tensor::zeros({5}));
  ASSERT_OK_AND_ASSIGN(const Tensor six, Tensor::zeros({6}));
  ASSERT_OK_AND_ASSIGN(Tensor four, Tensor::zeros({4}));
  ASSERT_OK_AND_ASSIGN(Tensor three, Tensor::zeros({3}));
  EXPECT_NE(error_message(dense.forward(five, four), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(dense.forward(six, three), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(dense.backward(four), ErrorCode::kInvalidArgument), "");
  ASSERT_OK_AND_ASSIGN(const Tensor rows, Tensor::zeros({2, 5}));
  EXPECT_NE(error_message(dense.backward(rows), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(dense.summed_over_positions(4), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(dense.summed_over_positions(0), ErrorCode::kInvalidArgument), "");

  ASSERT_OK_AND_ASSIGN(Tensor weight, Tensor::zeros({4, 6}));
  ASSERT_OK_AND_ASSIGN(Tensor bias, Tensor::zeros({3}));
  EXPECT_NE(error_message(Dense::from_float32(std::move(weight), std::move(bias)),
                          ErrorCode::kInvalidArgument),
            "");
  ASSERT_OK_AND_ASSIGN(auto int8, aligned(std::vector<std::int8_t>(24)));
  EXPECT_NE(error_message(Dense::from_int8(std::move(int8), std::move(three), std::move(four), 6),
                          ErrorCode::kInvalidArgument),
            "");
}

}  // namespace
}  // namespace gradcam::testing
