#pragma once

#include <cstdint>
#include <variant>

#include "tensor/tensor.h"

namespace gradcam {

/// A fully connected layer, y = W x + b. The weights stay in memory as they are stored, in float32
/// or in int8 with a scale for each output, and are multiplied as they are.
class Dense {
 public:
  /// weight: [outputs, inputs], bias: [outputs].
  static Result<Dense> from_float32(Tensor weight, Tensor bias);

  /// weight: [outputs, inputs] row-major, whose row o stands for scale[o] * weight[o].
  static Result<Dense> from_int8(AlignedArray<std::int8_t> weight, Tensor scale, Tensor bias,
                                 std::size_t inputs);

  std::size_t outputs() const { return bias_.size(); }
  std::size_t inputs() const { return inputs_; }
  const Tensor& bias() const { return bias_; }

  /// y = W x + b, without activation. x: [inputs] values of any shape, y: [outputs].
  Result<void> forward(const Tensor& x, Tensor& y) const;

  /// dY/dx [n, inputs] from dY/dy [n, outputs], for n gradients at once: W^T dY/dy. One pass over
  /// the weights serves all n.
  Result<Tensor> backward(const Tensor& gradient) const;

  /// For a layer on a flattened map [positions, channels]: the weights summed over the positions,
  /// as a layer of `channels` inputs without bias. Its backward is the gradient's sum over the
  /// positions, at a fraction of the cost (for fc1 of VGG16, a 49th).
  Result<Dense> summed_over_positions(std::size_t positions) const;

 private:
  struct Int8Weight {
    AlignedArray<std::int8_t> values;  // [outputs, inputs]
    Tensor scale;                      // [outputs]
  };

  Dense(std::variant<Tensor, Int8Weight> weight, Tensor bias, std::size_t inputs);

  std::variant<Tensor, Int8Weight> weight_;
  Tensor bias_;
  std::size_t inputs_;
};

}  // namespace gradcam
