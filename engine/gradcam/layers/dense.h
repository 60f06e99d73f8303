#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

#include "gradcam/tensor/float16.h"
#include "gradcam/tensor/tensor.h"

namespace gradcam {

/// A fully connected layer, y = W x + b. The weights stay in memory as they are stored, in float32,
/// float16, int8 or int4 (see kernels/gemv.h), and are multiplied as they are.
class Dense {
 public:
  /// weight: [outputs, inputs], bias: [outputs].
  static Result<Dense> from_float32(Tensor weight, Tensor bias);

  /// weight: [inputs, outputs], the other way round: of inputs that are zero, as many are after a
  /// ReLU, `forward` then reads no weights. bias: [outputs].
  static Result<Dense> from_columns(Tensor weight, Tensor bias);

  /// weight: [outputs, inputs] row-major, finite.
  static Result<Dense> from_float16(AlignedArray<Float16> weight, Tensor bias, std::size_t inputs);

  /// weight: [outputs, inputs] row-major, whose row o stands for scale[o] * weight[o].
  static Result<Dense> from_int8(AlignedArray<std::int8_t> weight, Tensor scale, Tensor bias,
                                 std::size_t inputs);

  /// weight: [outputs, inputs] row-major, rows packed as tensor/int4.h says. scale: [outputs,
  /// groups], a factor for each `group` columns of a row.
  static Result<Dense> from_int4(AlignedArray<std::uint8_t> weight, Tensor scale, std::size_t group,
                                 Tensor bias, std::size_t inputs);

  std::size_t outputs() const { return bias_.size(); }
  std::size_t inputs() const { return inputs_; }
  const Tensor& bias() const { return bias_; }

  /// Writes numbers of row `output` of the weights in float32, `values.size()` of them from input
  /// `first` on, which is in int4 a multiple of kInt4Block, like their count.
  void expand(std::size_t output, std::size_t first, std::span<float> values) const;

  /// The weights as float32, [outputs, inputs]: a copy.
  Result<Tensor> weight() const;

  /// y = W x + b, without activation. x: [inputs] values of any shape, y: [outputs].
  Result<void> forward(const Tensor& x, Tensor& y) const;

  /// For a layer on a flattened map x [H, W, C]: what each of its channels adds to each output,
  /// and, as the last column, what `forward` gives: [outputs, C + 1], in one pass over the weights.
  Result<Tensor> forward_by_channels(const Tensor& x) const;

  /// For a layer with a ReLU behind it: how much more scores would be, each a sum of the outputs
  /// after the ReLU by `factors` [scores, outputs], if x [inputs] changed in each of n ways,
  /// `changes` [inputs, n]; [scores, n]. The products of changes and weights are only estimated
  /// (see kernels/sign_changes.h), and computed where the sign of an output might turn: for the
  /// others the scores are linear, and one product with their gradient says it all.
  Result<Tensor> relu_score_changes(const Tensor& x, const Tensor& changes,
                                    const Tensor& factors) const;

  /// dY/dx [n, inputs] from dY/dy [n, outputs], for n gradients at once: W^T dY/dy. One pass over
  /// the weights serves all n.
  Result<Tensor> backward(const Tensor& gradient) const;

  /// The same where the gradient matters only at inputs x [inputs] that are not zero; elsewhere it
  /// may be zero, which spares multiplications, and a layer of columns the weights of those inputs.
  Result<Tensor> backward_where(const Tensor& x, const Tensor& gradient) const;

  /// For a layer on a flattened map [positions, channels]: the weights summed over the positions,
  /// as a layer of `channels` inputs without bias. Its backward is the gradient's sum over the
  /// positions, at a fraction of the cost (for fc1 of VGG16, a 49th).
  Result<Dense> summed_over_positions(std::size_t positions) const;

 private:
  struct Columns {
    Tensor values;  // [inputs, outputs]
  };
  struct Float16Weight {
    AlignedArray<Float16> values;  // [outputs, inputs]
  };
  struct Int8Weight {
    AlignedArray<std::int8_t> values;  // [outputs, inputs]
    Tensor scale;                      // [outputs]
  };
  struct Int4Weight {
    AlignedArray<std::uint8_t> values;  // [outputs, inputs / 2]
    Tensor scale;                       // [outputs, groups]
    std::size_t group;
  };
  using Weight = std::variant<Tensor, Columns, Float16Weight, Int8Weight, Int4Weight>;

  Dense(Weight weight, Tensor bias, std::size_t inputs);

  Result<Tensor> parts_by_channels(const Columns& weight, const Tensor& x) const;
  Result<Tensor> backward(const Tensor& gradient, const float* x) const;
  static void backward_columns(const Columns& weight, const float* x, const Tensor& gradient,
                               Tensor& result);

  /// `count` rows of the weights from `first` on in float32: where they are, or in `buffer`, which
  /// has room for them.
  const float* rows(std::size_t first, std::size_t count, std::span<float> buffer) const;

  Weight weight_;
  Tensor bias_;
  std::size_t inputs_;
};

// The same layer while it is trained: float32 weights [O, I] that change, and a batch of n inputs.
// Each function computes a part, so that threads can share a layer; which parts it is cut into
// changes no bit of the result, except of dense_backward.

/// y[., o] = x W^T + b, for the outputs o from `first` on, `count` of them. x: [n, I], y: [n, O].
Result<void> dense_forward(const Tensor& weight, const Tensor& bias, const Tensor& x,
                           std::size_t first, std::size_t count, Tensor& y);

/// dL/dx = dL/dy W for the samples from `first` on, `count` of them. gradient: dL/dy [n, O],
/// x_gradient: [n, I].
Result<void> dense_backward(const Tensor& weight, const Tensor& gradient, std::size_t first,
                            std::size_t count, Tensor& x_gradient);

/// dL/dW = (dL/dy)^T x and dL/db = dL/dy summed over the batch, for the outputs from `first` on.
/// gradient: dL/dy [n, O]; as many outputs as `bias_gradient` has values, and I times as many
/// values of `weight_gradient`.
Result<void> dense_backward_weight(const Tensor& x, const Tensor& gradient, std::size_t first,
                                   std::span<float> weight_gradient,
                                   std::span<float> bias_gradient);

}  // namespace gradcam
