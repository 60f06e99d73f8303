#include "gradcam/layers/conv2d.h"

#include <string>

namespace gradcam {
namespace {

Result<void> check_input(const Conv3x3& conv, const Tensor& x) {
  const Conv3x3Spec& spec = conv.spec();
  if (x.rank() != 3 || x.dim(2) != spec.in_channels) {
    return fail(ErrorCode::kInvalidArgument,
                "a convolution of " + std::to_string(spec.in_channels) +
                    " channels cannot take an input of shape " + to_string(x.shape()));
  }
  if (!x.empty() && x.dim(0) + spec.pad_top + spec.pad_bottom >= 2) return {};
  return fail(ErrorCode::kInvalidArgument, "a convolution cannot take an input without rows");
}

}  // namespace

Result<void> conv2d_forward(const Conv3x3& conv, const Tensor& x, Tensor& y, Tensor& workspace) {
  GRADCAM_CHECK_OK(check_input(conv, x));
  const Conv3x3Spec& spec = conv.spec();
  const std::size_t step = spec.pool ? 2 : 1;
  const Shape expected = {spec.output_rows(x.dim(0)) / step, x.dim(1) / step, spec.out_channels};
  if (y.shape() != expected || workspace.size() < conv.workspace_floats(x.dim(0), x.dim(1))) {
    return fail(ErrorCode::kInvalidArgument,
                "a convolution of output shape " + to_string(expected) + " was given " +
                    to_string(y.shape()) + " or too small a workspace");
  }
  return conv.run(x.data(), x.dim(0), x.dim(1), y.data(), workspace.data());
}

Result<Tensor> conv2d_forward_unpooled(const Conv3x3& conv, const Tensor& x, Tensor& workspace) {
  GRADCAM_CHECK_OK(check_input(conv, x));
  const std::size_t height = x.dim(0);
  const std::size_t width = x.dim(1);
  GRADCAM_TRY(Tensor y, Tensor::uninitialized(
                            {conv.spec().output_rows(height), width, conv.spec().out_channels}));
  if (const std::size_t floats = conv.workspace_floats(height, width); workspace.size() < floats) {
    GRADCAM_TRY(workspace, Tensor::zeros({floats}));
  }
  GRADCAM_CHECK_OK(conv.run_unpooled(x.data(), height, width, y.data(), workspace.data()));
  return y;
}

Result<std::unique_ptr<Conv3x3>> conv2d_transpose(ConvAlgorithm algorithm, const Conv3x3& conv) {
  const std::size_t outputs = conv.spec().out_channels;
  const std::size_t inputs = conv.spec().in_channels;
  constexpr std::size_t kTaps = 9;
  GRADCAM_TRY(Tensor weight, Tensor::zeros({outputs, 3, 3, inputs}));
  conv.unpack(weight.data());
  GRADCAM_TRY(Tensor turned, Tensor::zeros({inputs, 3, 3, outputs}));
  for (std::size_t o = 0; o < outputs; ++o) {
    for (std::size_t tap = 0; tap < kTaps; ++tap) {
      for (std::size_t i = 0; i < inputs; ++i) {
        turned.data()[(i * kTaps + (kTaps - 1 - tap)) * outputs + o] =
            weight.data()[(o * kTaps + tap) * inputs + i];
      }
    }
  }
  GRADCAM_TRY(const Tensor no_bias, Tensor::zeros({inputs}));
  const Conv3x3Spec spec{.in_channels = outputs,
                         .out_channels = inputs,
                         .pad_top = conv.spec().pad_top,
                         .pad_bottom = conv.spec().pad_bottom,
                         .usual_side = conv.spec().usual_side};
  return make_conv3x3(algorithm, spec, turned.data(), no_bias.data());
}

Result<Tensor> conv2d_backward(const Conv3x3& transpose, const Tensor& gradient,
                               Tensor& workspace) {
  return conv2d_forward_unpooled(transpose, gradient, workspace);
}

}  // namespace gradcam
