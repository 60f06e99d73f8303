#include "layers/conv2d.h"

#include <string>

namespace gradcam {

Result<void> conv2d_forward(const Conv3x3& conv, const Conv3x3Spec& spec, const Tensor& x,
                            Tensor& y, Tensor& workspace) {
  if (x.rank() != 3 || x.dim(2) != spec.in_channels) {
    return fail(ErrorCode::kInvalidArgument,
                "a convolution of " + std::to_string(spec.in_channels) +
                    " channels cannot take an input of shape " + to_string(x.shape()));
  }
  if (x.dim(0) + spec.pad_top + spec.pad_bottom < 2) {
    return fail(ErrorCode::kInvalidArgument, "a convolution cannot take an input without rows");
  }
  const std::size_t step = spec.pool ? 2 : 1;
  const Shape expected = {spec.output_rows(x.dim(0)) / step, x.dim(1) / step, spec.out_channels};
  if (y.shape() != expected || workspace.size() < conv.workspace_floats(x.dim(0), x.dim(1))) {
    return fail(ErrorCode::kInvalidArgument,
                "a convolution of output shape " + to_string(expected) + " was given " +
                    to_string(y.shape()) + " or too small a workspace");
  }
  return conv.run(x.data(), x.dim(0), x.dim(1), y.data(), workspace.data());
}

Result<Tensor> conv2d_backward(ConvAlgorithm algorithm, const Tensor& weight,
                               const Tensor& gradient) {
  if (weight.rank() != 4 || weight.dim(1) != 3 || weight.dim(2) != 3 || gradient.rank() != 3 ||
      gradient.dim(2) != weight.dim(0)) {
    return fail(ErrorCode::kInvalidArgument,
                "a convolution of weight " + to_string(weight.shape()) +
                    " cannot have an output gradient of shape " + to_string(gradient.shape()));
  }
  const std::size_t outputs = weight.dim(0);
  const std::size_t inputs = weight.dim(3);
  constexpr std::size_t kTaps = 9;
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
  const Conv3x3Spec spec{.in_channels = outputs, .out_channels = inputs};
  GRADCAM_TRY(const auto conv, make_conv3x3(algorithm, spec, turned.data(), no_bias.data()));
  const std::size_t height = gradient.dim(0);
  const std::size_t width = gradient.dim(1);
  GRADCAM_TRY(Tensor workspace, Tensor::zeros({conv->workspace_floats(height, width)}));
  GRADCAM_TRY(Tensor result, Tensor::zeros({height, width, inputs}));
  GRADCAM_CHECK_OK(conv2d_forward(*conv, spec, gradient, result, workspace));
  return result;
}

}  // namespace gradcam
