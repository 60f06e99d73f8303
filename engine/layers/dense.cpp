#include "layers/dense.h"

#include <utility>

#include "kernels/gemv.h"

namespace gradcam {

Dense::Dense(std::variant<Tensor, Int8Weight> weight, Tensor bias, std::size_t inputs)
    : weight_(std::move(weight)), bias_(std::move(bias)), inputs_(inputs) {}

Result<Dense> Dense::from_float32(Tensor weight, Tensor bias) {
  if (weight.rank() != 2 || weight.dim(0) != bias.size()) {
    return fail(ErrorCode::kInvalidArgument, "a dense layer cannot have a weight of shape " +
                                                 to_string(weight.shape()) +
                                                 " and a bias of shape " + to_string(bias.shape()));
  }
  const std::size_t inputs = weight.dim(1);
  return Dense(std::move(weight), std::move(bias), inputs);
}

Result<Dense> Dense::from_int8(AlignedArray<std::int8_t> weight, Tensor scale, Tensor bias,
                               std::size_t inputs) {
  if (scale.size() != bias.size()) {
    return fail(ErrorCode::kInvalidArgument, "a dense layer cannot have scales of shape " +
                                                 to_string(scale.shape()) +
                                                 " and a bias of shape " + to_string(bias.shape()));
  }
  return Dense(Int8Weight{std::move(weight), std::move(scale)}, std::move(bias), inputs);
}

Result<void> Dense::forward(const Tensor& x, Tensor& y) const {
  if (x.size() != inputs() || y.size() != outputs()) {
    return fail(ErrorCode::kInvalidArgument,
                "a dense layer of " + std::to_string(inputs()) + " inputs and " +
                    std::to_string(outputs()) + " outputs was given the shapes " +
                    to_string(x.shape()) + " and " + to_string(y.shape()));
  }
  if (const auto* int8 = std::get_if<Int8Weight>(&weight_)) {
    gemv(int8->values.get(), int8->scale.data(), x.data(), outputs(), inputs(), y.data());
  } else {
    gemv(std::get<Tensor>(weight_).data(), x.data(), outputs(), inputs(), y.data());
  }
  for (std::size_t o = 0; o < outputs(); ++o) y.data()[o] += bias_.data()[o];
  return {};
}

Result<Tensor> Dense::backward(const Tensor& gradient) const {
  if (gradient.rank() != 2 || gradient.dim(1) != outputs()) {
    return fail(ErrorCode::kInvalidArgument, "a dense layer of " + std::to_string(outputs()) +
                                                 " outputs cannot have output gradients of shape " +
                                                 to_string(gradient.shape()));
  }
  const std::size_t rows = gradient.dim(0);
  GRADCAM_TRY(Tensor result, Tensor::zeros({rows, inputs()}));
  if (const auto* int8 = std::get_if<Int8Weight>(&weight_)) {
    gemv_transposed(int8->values.get(), int8->scale.data(), gradient.data(), rows, outputs(),
                    inputs(), result.data());
  } else {
    gemv_transposed(std::get<Tensor>(weight_).data(), gradient.data(), rows, outputs(), inputs(),
                    result.data());
  }
  return result;
}

Result<Dense> Dense::summed_over_positions(std::size_t positions) const {
  if (positions == 0 || inputs() % positions != 0) {
    return fail(ErrorCode::kInvalidArgument, std::to_string(inputs()) +
                                                 " inputs are not a map of " +
                                                 std::to_string(positions) + " positions");
  }
  const std::size_t channels = inputs() / positions;
  GRADCAM_TRY(Tensor sums, Tensor::zeros({outputs(), channels}));
  const auto add_rows = [&](const auto* values, const float* scale) {
    for (std::size_t o = 0; o < outputs(); ++o) {
      float* sum = sums.data() + o * channels;
      for (std::size_t p = 0; p < positions; ++p) {
        for (std::size_t c = 0; c < channels; ++c) sum[c] += static_cast<float>(*values++);
      }
      if (scale == nullptr) continue;
      for (std::size_t c = 0; c < channels; ++c) sum[c] *= scale[o];
    }
  };
  if (const auto* int8 = std::get_if<Int8Weight>(&weight_)) {
    add_rows(int8->values.get(), int8->scale.data());
  } else {
    add_rows(std::get<Tensor>(weight_).data(), nullptr);
  }
  GRADCAM_TRY(Tensor no_bias, Tensor::zeros({outputs()}));
  return from_float32(std::move(sums), std::move(no_bias));
}

}  // namespace gradcam
