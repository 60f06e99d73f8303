#include "gradcam/layers/conv2d.h"

#include <gtest/gtest.h>

#include <string>

#include "support/compare.h"
#include "support/finite_differences.h"
#include "support/random.h"
#include "support/result.h"
#include "support/tensor_file.h"

namespace gradcam::testing {
namespace {

Result<Tensor> forward(ConvAlgorithm algorithm, const Conv3x3Spec& spec, const Tensor& x,
                       const Tensor& weight, const Tensor& bias) {
  GRADCAM_TRY(const auto conv, make_conv3x3(algorithm, spec, weight.data(), bias.data()));
  const std::size_t step = spec.pool ? 2 : 1;
  GRADCAM_TRY(Tensor y, Tensor::zeros({x.dim(0) / step, x.dim(1) / step, spec.out_channels}));
  GRADCAM_TRY(Tensor workspace, Tensor::zeros({conv->workspace_floats(x.dim(0), x.dim(1))}));
  GRADCAM_CHECK_OK(conv2d_forward(*conv, x, y, workspace));
  return y;
}

/// The data gradient, packed from weights that were packed before.
Result<Tensor> backward(ConvAlgorithm algorithm, const Tensor& weight, const Tensor& gradient) {
  const Conv3x3Spec spec{.in_channels = weight.dim(3), .out_channels = weight.dim(0)};
  GRADCAM_TRY(const Tensor bias, Tensor::zeros({spec.out_channels}));
  GRADCAM_TRY(const auto conv, make_conv3x3(algorithm, spec, weight.data(), bias.data()));
  GRADCAM_TRY(const auto transpose, conv2d_transpose(algorithm, *conv));
  Tensor workspace;
  return conv2d_backward(*transpose, gradient, workspace);
}

class Conv2d : public ::testing::TestWithParam<ConvAlgorithm> {};

TEST_P(Conv2d, AgreesWithPyTorch) {
  ASSERT_OK_AND_ASSIGN(const TensorFile oracle, TensorFile::read(oracle_fixture("layers")));
  const auto cases = oracle.cases("conv2d/");
  ASSERT_EQ(cases.size(), 4u);
  for (const std::string& name : cases) {
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(const Tensor x, oracle.tensor(name + "/x"));
    ASSERT_OK_AND_ASSIGN(const Tensor weight, oracle.tensor(name + "/weight"));
    ASSERT_OK_AND_ASSIGN(const Tensor bias, oracle.tensor(name + "/bias"));
    ASSERT_OK_AND_ASSIGN(const Tensor y, oracle.tensor(name + "/y"));
    ASSERT_OK_AND_ASSIGN(const Tensor pooled, oracle.tensor(name + "/y_relu_pool"));
    ASSERT_OK_AND_ASSIGN(const Tensor gradient, oracle.tensor(name + "/gradient"));
    ASSERT_OK_AND_ASSIGN(const Tensor x_gradient, oracle.tensor(name + "/x_gradient"));
    Conv3x3Spec spec{.in_channels = x.dim(2), .out_channels = bias.size()};

    ASSERT_OK_AND_ASSIGN(const Tensor forward_only, forward(GetParam(), spec, x, weight, bias));
    EXPECT_TRUE(close(forward_only.values(), y.values()));
    spec.relu = spec.pool = true;
    ASSERT_OK_AND_ASSIGN(const Tensor all, forward(GetParam(), spec, x, weight, bias));
    EXPECT_TRUE(close(all.values(), pooled.values()));
    ASSERT_OK_AND_ASSIGN(const Tensor back, backward(GetParam(), weight, gradient));
    EXPECT_EQ(back.shape(), x.shape());
    EXPECT_TRUE(close(back.values(), x_gradient.values()));
  }
}

TEST_P(Conv2d, BackwardIsTheSlopeOfForward) {
  constexpr Conv3x3Spec kSpec{.in_channels = 5, .out_channels = 3};
  RandomFloats random(11);
  ASSERT_OK_AND_ASSIGN(const Tensor x, Tensor::from({3, 4, 5}, random.uniform(60)));
  ASSERT_OK_AND_ASSIGN(const Tensor weight, Tensor::from({3, 3, 3, 5}, random.uniform(135)));
  ASSERT_OK_AND_ASSIGN(const Tensor bias, Tensor::from({3}, random.uniform(3)));
  ASSERT_OK_AND_ASSIGN(const Tensor gradient, Tensor::from({3, 4, 3}, random.uniform(36)));
  // Linear, so that the step may be large.
  const auto slope = central_differences(x.values(), 1.0f, [&](std::span<const float> at) {
    const auto moved = Tensor::from(x.shape(), at);
    const auto y = forward(GetParam(), kSpec, *moved, weight, bias);
    return dot(y->values(), gradient.values());
  });
  ASSERT_OK_AND_ASSIGN(const Tensor back, backward(GetParam(), weight, gradient));
  EXPECT_TRUE(close(back.values(), slope));
}

TEST_P(Conv2d, RefusesShapesThatDoNotFit) {
  constexpr Conv3x3Spec kSpec{.in_channels = 3, .out_channels = 4};
  const std::vector<float> weight(std::size_t{4} * 9 * 3);
  const float bias[4] = {};
  ASSERT_OK_AND_ASSIGN(const auto conv, make_conv3x3(GetParam(), kSpec, weight.data(), bias));
  ASSERT_OK_AND_ASSIGN(const Tensor x, Tensor::zeros({5, 6, 3}));
  ASSERT_OK_AND_ASSIGN(const Tensor other_channels, Tensor::zeros({5, 6, 2}));
  ASSERT_OK_AND_ASSIGN(Tensor y, Tensor::zeros({5, 6, 4}));
  ASSERT_OK_AND_ASSIGN(Tensor other_size, Tensor::zeros({5, 5, 4}));
  ASSERT_OK_AND_ASSIGN(Tensor workspace, Tensor::zeros({conv->workspace_floats(5, 6)}));
  const auto refused = [&](const Tensor& from, Tensor& to) {
    return error_message(conv2d_forward(*conv, from, to, workspace), ErrorCode::kInvalidArgument);
  };
  EXPECT_NE(refused(other_channels, y).find("[5, 6, 2]"), std::string::npos);
  EXPECT_NE(refused(x, other_size).find("[5, 5, 4]"), std::string::npos);
  for (const Shape& shape : {Shape{0, 6, 3}, Shape{5, 0, 3}}) {
    ASSERT_OK_AND_ASSIGN(const Tensor nothing, Tensor::zeros(shape));
    EXPECT_NE(error_message(conv2d_forward_unpooled(*conv, nothing, workspace),
                            ErrorCode::kInvalidArgument),
              "");
  }

  ASSERT_OK_AND_ASSIGN(const auto transpose, conv2d_transpose(GetParam(), *conv));
  EXPECT_NE(error_message(conv2d_backward(*transpose, x, workspace), ErrorCode::kInvalidArgument),
            "");
}

INSTANTIATE_TEST_SUITE_P(All, Conv2d,
                         ::testing::ValuesIn(conv_algorithms().begin(), conv_algorithms().end()),
                         [](const auto& info) {
                           return std::string(conv_algorithm_name(info.param));
                         });

}  // namespace
}  // namespace gradcam::testing
