#include "gradcam/layers/dense.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/tensor/int4.h"
#include "support/compare.h"
#include "support/finite_differences.h"
#include "support/random.h"
#include "support/result.h"
#include "support/tensor_file.h"

namespace gradcam::testing {
namespace {

template <class T>
Result<AlignedArray<T>> aligned(const std::vector<T>& values) {
  GRADCAM_TRY(auto array, allocate_array<T>(values.size()));
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

Result<Dense> random_dense(RandomFloats& random, std::size_t outputs, std::size_t inputs) {
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

TEST(Dense, TellsWhatChannelsAdd) {
  ASSERT_OK_AND_ASSIGN(const TensorFile oracle, TensorFile::read(oracle_fixture("layers")));
  const std::string name = "dense/7x50x33";
  for (const bool int8 : {false, true}) {
    SCOPED_TRACE(int8 ? "int8" : "float32");
    ASSERT_OK_AND_ASSIGN(const Dense dense, read_dense(oracle, name, int8));
    ASSERT_OK_AND_ASSIGN(Tensor x, oracle.tensor(name + "/x"));
    constexpr std::size_t kChannels = 10;  // of 5 positions
    constexpr std::size_t kColumns = kChannels + 1;
    ASSERT_OK_AND_ASSIGN(Tensor y, Tensor::zeros({dense.outputs()}));
    std::vector<float> expected(kColumns * dense.outputs());
    for (std::size_t k = 0; k < kColumns; ++k) {
      ASSERT_OK_AND_ASSIGN(Tensor some, Tensor::from(x.shape(), x.values()));
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (k < kChannels && i % kChannels != k) some.data()[i] = 0;
      }
      ASSERT_OK(dense.forward(some, y));
      for (std::size_t o = 0; o < dense.outputs(); ++o) {
        expected[o * kColumns + k] = y.data()[o] - (k < kChannels ? dense.bias().data()[o] : 0);
      }
    }
    const auto refused = ErrorCode::kInvalidArgument;
    EXPECT_NE(error_message(dense.forward_by_channels(x), refused), "");
    ASSERT_OK(x.reshape({1, 5, kChannels}));
    ASSERT_OK_AND_ASSIGN(const Tensor parts, dense.forward_by_channels(x));
    EXPECT_EQ(parts.shape(), (Shape{dense.outputs(), kColumns}));
    EXPECT_TRUE(close(parts.values(), expected));
    ASSERT_OK(x.reshape({1, 1, kChannels * 5}));
    EXPECT_TRUE(dense.forward_by_channels(x).has_value());
  }
}

/// max(0, y) of y = W x + b.
Result<std::vector<float>> relu_outputs(const Dense& dense, const Tensor& x) {
  GRADCAM_TRY(Tensor y, Tensor::zeros({dense.outputs()}));
  GRADCAM_CHECK_OK(dense.forward(x, y));
  std::vector<float> values(y.size());
  std::ranges::transform(y.values(), values.begin(), [](float v) { return std::max(v, 0.0f); });
  return values;
}

TEST(Dense, KnowsWhatChangesOfItsInputDoToScores) {
  constexpr std::size_t kChanges = 21;
  constexpr std::size_t kScores = 2;
  constexpr std::size_t kOutputs = 45;
  constexpr std::size_t kInputs = 130;
  RandomFloats random(17);
  ASSERT_OK_AND_ASSIGN(const Dense dense, random_dense(random, kOutputs, kInputs));
  ASSERT_OK_AND_ASSIGN(const Tensor x, Tensor::from({kInputs}, random.uniform(kInputs)));
  ASSERT_OK_AND_ASSIGN(Tensor factors,
                       Tensor::from({kScores, kOutputs}, random.uniform(kScores * kOutputs)));
  // Of any size, so that some turn no sign and others many.
  ASSERT_OK_AND_ASSIGN(Tensor changes, Tensor::zeros({kInputs, kChanges}));
  std::vector<float> expected(kScores * kChanges);
  ASSERT_OK_AND_ASSIGN(const std::vector<float> before, relu_outputs(dense, x));
  for (std::size_t r = 0; r < kChanges; ++r) {
    std::vector<float> change =
        random.uniform(kInputs, 0.001f * static_cast<float>(std::size_t{1} << r / 2));
    for (std::size_t i = 3; i < kInputs; i += 7) change[i] = 0;
    ASSERT_OK_AND_ASSIGN(Tensor changed, x.clone());
    for (std::size_t i = 0; i < kInputs; ++i) {
      changes.data()[i * kChanges + r] = change[i];
      changed.data()[i] += change[i];
    }
    ASSERT_OK_AND_ASSIGN(const std::vector<float> after, relu_outputs(dense, changed));
    for (std::size_t s = 0; s < kScores; ++s) {
      double sum = 0;
      for (std::size_t o = 0; o < kOutputs; ++o) {
        sum += double{factors.data()[s * kOutputs + o]} * (double{after[o]} - double{before[o]});
      }
      expected[s * kChanges + r] = static_cast<float>(sum);
    }
  }
  ASSERT_OK_AND_ASSIGN(const Tensor found, dense.relu_score_changes(x, changes, factors));
  EXPECT_EQ(found.shape(), (Shape{kScores, kChanges}));
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found.data()[i], expected[i], 2e-5 + 1e-5 * std::abs(expected[i])) << i;
  }

  ASSERT_OK_AND_ASSIGN(const Tensor none, Tensor::zeros({kInputs, 0}));
  ASSERT_OK_AND_ASSIGN(const Tensor nothing, dense.relu_score_changes(x, none, factors));
  EXPECT_EQ(nothing.shape(), (Shape{kScores, 0}));
  const auto refused = ErrorCode::kInvalidArgument;
  EXPECT_NE(error_message(dense.relu_score_changes(x, factors, changes), refused), "");
  ASSERT_OK(changes.reshape({kChanges * kInputs}));
  EXPECT_NE(error_message(dense.relu_score_changes(x, changes, factors), refused), "");
}

TEST(Dense, BackwardIsTheSlopeOfForward) {
  RandomFloats random(13);
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

/// Layers of float16 or int4 do what the same numbers do in float32, which PyTorch is the judge of.
void expect_same(const Dense& packed, const Dense& plain, std::size_t positions) {
  RandomFloats random(15);
  ASSERT_OK_AND_ASSIGN(const Tensor x,
                       Tensor::from({packed.inputs()}, random.uniform(packed.inputs())));
  ASSERT_OK_AND_ASSIGN(Tensor y, Tensor::zeros({packed.outputs()}));
  ASSERT_OK_AND_ASSIGN(Tensor expected, Tensor::zeros({packed.outputs()}));
  ASSERT_OK(packed.forward(x, y));
  ASSERT_OK(plain.forward(x, expected));
  EXPECT_TRUE(close(y.values(), expected.values(), 1e-5));

  const Shape gradients = {3, packed.outputs()};
  ASSERT_OK_AND_ASSIGN(const Tensor gradient,
                       Tensor::from(gradients, random.uniform(3 * packed.outputs())));
  ASSERT_OK_AND_ASSIGN(const Tensor back, packed.backward(gradient));
  ASSERT_OK_AND_ASSIGN(const Tensor expected_back, plain.backward(gradient));
  EXPECT_TRUE(close(back.values(), expected_back.values(), 1e-5));

  ASSERT_OK_AND_ASSIGN(const Dense sums, packed.summed_over_positions(positions));
  ASSERT_OK_AND_ASSIGN(const Dense expected_sums, plain.summed_over_positions(positions));
  ASSERT_OK_AND_ASSIGN(const Tensor sum, sums.backward(gradient));
  ASSERT_OK_AND_ASSIGN(const Tensor expected_sum, expected_sums.backward(gradient));
  EXPECT_TRUE(close(sum.values(), expected_sum.values(), 1e-5));
}

TEST(Dense, RunsFloat16AsItIs) {
  constexpr std::size_t kOutputs = 9, kInputs = 35;
  RandomFloats random(16);
  std::vector<Float16> halves;
  std::vector<float> floats;
  for (const float value : random.uniform(kOutputs * kInputs)) {
    halves.push_back(f32_to_f16(value));
    floats.push_back(f16_to_f32(halves.back()));
  }
  const std::vector<float> bias = random.uniform(kOutputs);
  ASSERT_OK_AND_ASSIGN(auto weight, aligned(halves));
  ASSERT_OK_AND_ASSIGN(Tensor bias_tensor, Tensor::from({kOutputs}, bias));
  ASSERT_OK_AND_ASSIGN(const Dense packed,
                       Dense::from_float16(std::move(weight), std::move(bias_tensor), kInputs));
  ASSERT_OK_AND_ASSIGN(Tensor plain_weight, Tensor::from({kOutputs, kInputs}, floats));
  ASSERT_OK_AND_ASSIGN(Tensor plain_bias, Tensor::from({kOutputs}, bias));
  ASSERT_OK_AND_ASSIGN(const Dense plain,
                       Dense::from_float32(std::move(plain_weight), std::move(plain_bias)));
  expect_same(packed, plain, 5);
}

TEST(Dense, RunsColumnsAsRows) {
  constexpr std::size_t kOutputs = 37, kInputs = 35;
  RandomFloats random(18);
  ASSERT_OK_AND_ASSIGN(const Dense plain, random_dense(random, kOutputs, kInputs));
  ASSERT_OK_AND_ASSIGN(const Tensor rows, plain.weight());
  ASSERT_OK_AND_ASSIGN(Tensor columns, Tensor::zeros({kInputs, kOutputs}));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    columns.data()[i % kInputs * kOutputs + i / kInputs] = rows.data()[i];
  }
  ASSERT_OK_AND_ASSIGN(Tensor bias, plain.bias().clone());
  ASSERT_OK_AND_ASSIGN(const Dense turned,
                       Dense::from_columns(std::move(columns), std::move(bias)));
  EXPECT_EQ(turned.inputs(), kInputs);
  expect_same(turned, plain, 5);

  ASSERT_OK_AND_ASSIGN(const Tensor again, turned.weight());
  EXPECT_TRUE(std::ranges::equal(again.values(), rows.values()));
  std::vector<float> piece(7);
  turned.expand(3, 5, piece);
  EXPECT_TRUE(std::ranges::equal(piece, rows.values().subspan(3 * kInputs + 5, 7)));

  // As after a ReLU: about half of the inputs are zero, the others too few or too many for a step.
  for (const std::size_t live : {0, 1, 8, 17}) {
    SCOPED_TRACE(live);
    ASSERT_OK_AND_ASSIGN(Tensor x, Tensor::zeros({5, 1, 7}));
    for (std::size_t i = 0; i < live; ++i) x.data()[i * 2 + i % 2] = random.uniform(1).front();
    ASSERT_OK_AND_ASSIGN(Tensor y, Tensor::zeros({kOutputs}));
    ASSERT_OK_AND_ASSIGN(Tensor expected, Tensor::zeros({kOutputs}));
    ASSERT_OK(turned.forward(x, y));
    ASSERT_OK(plain.forward(x, expected));
    EXPECT_TRUE(close(y.values(), expected.values(), 1e-6));
    ASSERT_OK_AND_ASSIGN(const Tensor parts, turned.forward_by_channels(x));
    ASSERT_OK_AND_ASSIGN(const Tensor expected_parts, plain.forward_by_channels(x));
    EXPECT_TRUE(close(parts.values(), expected_parts.values(), 1e-6));

    ASSERT_OK_AND_ASSIGN(const Tensor gradient,
                         Tensor::from({5, kOutputs}, random.uniform(5 * kOutputs)));
    ASSERT_OK_AND_ASSIGN(const Tensor back, turned.backward_where(x, gradient));
    ASSERT_OK_AND_ASSIGN(const Tensor plain_back, plain.backward_where(x, gradient));
    ASSERT_OK_AND_ASSIGN(Tensor expected_back, plain.backward(gradient));
    ASSERT_EQ(back.shape(), expected_back.shape());
    for (std::size_t i = 0; i < back.size(); ++i) {
      if (x.data()[i % kInputs] == 0) expected_back.data()[i] = 0;
    }
    EXPECT_TRUE(close(back.values(), expected_back.values(), 1e-6));
    EXPECT_TRUE(close(plain_back.values(), expected_back.values(), 1e-6));
  }
}

TEST(Dense, RunsInt4AsItIs) {
  constexpr std::size_t kOutputs = 7, kInputs = 72, kGroup = 32, kGroups = 3;
  RandomFloats random(17);
  const std::vector<float> scales = random.uniform(kOutputs * kGroups);
  std::vector<std::uint8_t> pairs(kOutputs * kInputs / 2);
  std::vector<float> floats;
  for (std::size_t o = 0; o < kOutputs; ++o) {
    for (std::size_t i = 0; i < kInputs; ++i) {
      const int q = static_cast<int>(random.bits() % 16) - 8;
      set_int4(pairs.data() + o * kInputs / 2, i, q);
      floats.push_back(static_cast<float>(q) * scales[o * kGroups + i / kGroup]);
    }
  }
  const std::vector<float> bias = random.uniform(kOutputs);
  ASSERT_OK_AND_ASSIGN(auto weight, aligned(pairs));
  ASSERT_OK_AND_ASSIGN(Tensor scale, Tensor::from({kOutputs, kGroups}, scales));
  ASSERT_OK_AND_ASSIGN(Tensor bias_tensor, Tensor::from({kOutputs}, bias));
  ASSERT_OK_AND_ASSIGN(const Dense packed,
                       Dense::from_int4(std::move(weight), std::move(scale), kGroup,
                                        std::move(bias_tensor), kInputs));
  ASSERT_OK_AND_ASSIGN(Tensor plain_weight, Tensor::from({kOutputs, kInputs}, floats));
  ASSERT_OK_AND_ASSIGN(Tensor plain_bias, Tensor::from({kOutputs}, bias));
  ASSERT_OK_AND_ASSIGN(const Dense plain,
                       Dense::from_float32(std::move(plain_weight), std::move(plain_bias)));
  expect_same(packed, plain, 9);
}

TEST(Dense, RefusesInt4ThatDoesNotFit) {
  const auto make = [](Shape scales, std::size_t group, std::size_t inputs) -> Result<Dense> {
    GRADCAM_TRY(auto weight, allocate_array<std::uint8_t>(64));
    GRADCAM_TRY(Tensor scale, Tensor::zeros(std::move(scales)));
    GRADCAM_TRY(Tensor bias, Tensor::zeros({2}));
    return Dense::from_int4(std::move(weight), std::move(scale), group, std::move(bias), inputs);
  };
  EXPECT_TRUE(make({2, 2}, 8, 16));
  EXPECT_TRUE(make({2, 1}, 128, 16));
  EXPECT_NE(error_message(make({2, 2}, 8, 12), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(make({2, 2}, 0, 16), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(make({2, 2}, 12, 16), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(make({2, 3}, 8, 16), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(make({4}, 8, 16), ErrorCode::kInvalidArgument), "");
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
  RandomFloats random(14);
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
  ASSERT_OK_AND_ASSIGN(Tensor columns, Tensor::zeros({6, 4}));
  ASSERT_OK_AND_ASSIGN(Tensor short_bias, Tensor::zeros({3}));
  EXPECT_NE(error_message(Dense::from_columns(std::move(columns), std::move(short_bias)),
                          ErrorCode::kInvalidArgument),
            "");
  ASSERT_OK_AND_ASSIGN(auto int8, aligned(std::vector<std::int8_t>(24)));
  EXPECT_NE(error_message(Dense::from_int8(std::move(int8), std::move(three), std::move(four), 6),
                          ErrorCode::kInvalidArgument),
            "");
}

TEST(DenseBatch, RefusesShapesThatDoNotFit) {
  ASSERT_OK_AND_ASSIGN(const Tensor weight, Tensor::zeros({4, 6}));
  ASSERT_OK_AND_ASSIGN(const Tensor bias, Tensor::zeros({4}));
  ASSERT_OK_AND_ASSIGN(Tensor x, Tensor::zeros({2, 6}));
  ASSERT_OK_AND_ASSIGN(Tensor y, Tensor::zeros({2, 4}));
  ASSERT_OK(dense_forward(weight, bias, x, 1, 3, y));
  ASSERT_OK(dense_backward(weight, y, 1, 1, x));
  std::vector<float> some(3 * 6);
  const std::span<float> weight_gradient = some;
  std::vector<float> bias_gradient(3);
  ASSERT_OK(dense_backward_weight(x, y, 1, weight_gradient, bias_gradient));

  const auto refused = ErrorCode::kInvalidArgument;
  for (const Shape& shape : {Shape{2, 5}, Shape{3, 6}, Shape{12}, Shape{2, 6, 1}}) {
    SCOPED_TRACE(to_string(shape));
    ASSERT_OK_AND_ASSIGN(Tensor other, Tensor::zeros(shape));
    EXPECT_NE(error_message(dense_forward(weight, bias, other, 0, 4, y), refused), "");
    EXPECT_NE(error_message(dense_backward(weight, y, 0, 2, other), refused), "");
    EXPECT_NE(
        error_message(dense_backward_weight(other, y, 0, weight_gradient, bias_gradient), refused),
        "");
  }
  for (const Shape& shape : {Shape{2, 5}, Shape{3, 4}, Shape{8}, Shape{2, 4, 1}}) {
    SCOPED_TRACE(to_string(shape));
    ASSERT_OK_AND_ASSIGN(Tensor other, Tensor::zeros(shape));
    EXPECT_NE(error_message(dense_forward(weight, bias, x, 0, 4, other), refused), "");
    EXPECT_NE(error_message(dense_backward(weight, other, 0, 2, x), refused), "");
  }
  ASSERT_OK_AND_ASSIGN(const Tensor flat, Tensor::zeros({24}));
  EXPECT_NE(error_message(dense_forward(flat, bias, x, 0, 4, y), refused), "");
  // Parts beyond the end.
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  EXPECT_NE(error_message(dense_forward(weight, bias, x, 2, 3, y), refused), "");
  EXPECT_NE(error_message(dense_forward(weight, bias, x, 5, kMost, y), refused), "");
  EXPECT_NE(error_message(dense_backward(weight, y, 1, 2, x), refused), "");
  EXPECT_NE(error_message(dense_backward_weight(x, y, 2, weight_gradient, bias_gradient), refused),
            "");
  EXPECT_NE(error_message(dense_backward_weight(x, y, 0, weight_gradient.first(17), bias_gradient),
                          refused),
            "");
}

}  // namespace
}  // namespace gradcam::testing
