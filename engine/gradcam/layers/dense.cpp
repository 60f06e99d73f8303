#include "gradcam/layers/dense.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/kernels/gemv.h"
#include "gradcam/kernels/row_pitch.h"
#include "gradcam/kernels/sign_changes.h"
#include "gradcam/kernels/simd.h"
#include "gradcam/kernels/transpose.h"
#include "gradcam/kernels/weighted_sum.h"
#include "gradcam/tensor/int4.h"

namespace gradcam {

Dense::Dense(Weight weight, Tensor bias, std::size_t inputs)
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

Result<Dense> Dense::from_columns(Tensor weight, Tensor bias) {
  if (weight.rank() != 2 || weight.dim(1) != bias.size()) {
    return fail(ErrorCode::kInvalidArgument, "a dense layer cannot have columns of shape " +
                                                 to_string(weight.shape()) +
                                                 " and a bias of shape " + to_string(bias.shape()));
  }
  const std::size_t inputs = weight.dim(0);
  return Dense(Columns{std::move(weight)}, std::move(bias), inputs);
}

Result<Dense> Dense::from_float16(AlignedArray<Float16> weight, Tensor bias, std::size_t inputs) {
  return Dense(Float16Weight{std::move(weight)}, std::move(bias), inputs);
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

Result<Dense> Dense::from_int4(AlignedArray<std::uint8_t> weight, Tensor scale, std::size_t group,
                               Tensor bias, std::size_t inputs) {
  if (inputs % kInt4Block != 0 || group == 0 || group % kInt4Block != 0) {
    return fail(ErrorCode::kInvalidArgument, "a dense layer of " + std::to_string(inputs) +
                                                 " inputs in groups of " + std::to_string(group) +
                                                 " cannot be int4, whose blocks are of " +
                                                 std::to_string(kInt4Block));
  }
  const Shape expected = {bias.size(), (inputs + group - 1) / group};
  if (scale.shape() != expected) {
    return fail(ErrorCode::kInvalidArgument, "a dense layer cannot have scales of shape " +
                                                 to_string(scale.shape()) + ", expected is " +
                                                 to_string(expected));
  }
  return Dense(Int4Weight{std::move(weight), std::move(scale), group}, std::move(bias), inputs);
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
  } else if (const auto* int4 = std::get_if<Int4Weight>(&weight_)) {
    gemv(int4->values.get(), int4->scale.data(), int4->group, x.data(), outputs(), inputs(),
         y.data());
  } else if (const auto* float16 = std::get_if<Float16Weight>(&weight_)) {
    gemv(float16->values.get(), x.data(), outputs(), inputs(), y.data());
  } else if (const auto* columns = std::get_if<Columns>(&weight_)) {
    gemv_transposed(columns->values.data(), x.data(), 1, inputs(), outputs(), y.data());
  } else {
    gemv(std::get<Tensor>(weight_).data(), x.data(), outputs(), inputs(), y.data());
  }
  for (std::size_t o = 0; o < outputs(); ++o) y.data()[o] += bias_.data()[o];
  return {};
}

Result<Tensor> Dense::forward_by_channels(const Tensor& x) const {
  if (x.rank() != 3 || x.size() != inputs()) {
    return fail(ErrorCode::kInvalidArgument, "a dense layer of " + std::to_string(inputs()) +
                                                 " inputs was given a map of shape " +
                                                 to_string(x.shape()));
  }
  if (const auto* columns = std::get_if<Columns>(&weight_)) return parts_by_channels(*columns, x);
  const std::size_t depth = x.dim(2);
  GRADCAM_TRY(Tensor parts, Tensor::zeros({outputs(), depth + 1}));
  float* out = parts.data();
  const std::size_t pitch = row_pitch(depth);
  std::vector<float> products(kChannelProductRows * pitch);
  std::vector<float> buffer(kChannelProductRows * inputs());
  for (std::size_t first = 0; first < outputs(); first += kChannelProductRows) {
    const std::size_t count = std::min(kChannelProductRows, outputs() - first);
    channel_products(x.data(), rows(first, count, buffer), count, x.dim(0) * x.dim(1), depth,
                     products.data());
    for (std::size_t o = 0; o < count; ++o) {
      const auto own = std::span(products).subspan(o * pitch, depth);
      out = std::ranges::copy(own, out).out;
      *out++ = static_cast<float>(
          std::accumulate(own.begin(), own.end(), double{bias_.data()[first + o]}));
    }
  }
  return parts;
}

/// A channel after the other, so that its sums stay in the fastest cache.
Result<Tensor> Dense::parts_by_channels(const Columns& weight, const Tensor& x) const {
  const std::size_t depth = x.dim(2);
  const std::size_t pitch = row_pitch(outputs());
  GRADCAM_TRY(Tensor parts, Tensor::uninitialized({outputs(), depth + 1}));
  std::vector<float> all_sums(depth * pitch);
  std::vector<double> totals(bias_.values().begin(), bias_.values().end());
  for (std::size_t c = 0; c < depth; ++c) {
    float* sums = all_sums.data() + c * pitch;
    for (std::size_t i = c; i < inputs(); i += depth) {
      const float factor = x.data()[i];
      if (factor == 0) continue;
      const float* column = weight.values.data() + i * outputs();
      for (std::size_t o = 0; o < outputs(); ++o) sums[o] += factor * column[o];
    }
    for (std::size_t o = 0; o < outputs(); ++o) totals[o] += double{sums[o]};
  }
  transpose(all_sums.data(), depth, outputs(), pitch, parts.data(), depth + 1);
  for (std::size_t o = 0; o < outputs(); ++o) {
    parts.data()[o * (depth + 1) + depth] = static_cast<float>(totals[o]);
  }
  return parts;
}

namespace {

/// The rows of a matrix that are not zero.
std::vector<std::size_t> live_rows(const Tensor& matrix) {
  std::vector<std::size_t> live;
  auto rest = matrix.values();
  for (std::size_t r = 0; r < matrix.dim(0); ++r) {
    const auto row = rest.subspan(r * matrix.dim(1), matrix.dim(1));
    if (std::ranges::any_of(row, [](float value) { return value != 0; })) live.push_back(r);
  }
  return live;
}

/// Some rows of a matrix as columns.
Result<Tensor> transposed(const Tensor& matrix, std::span<const std::size_t> rows) {
  const std::size_t columns = matrix.dim(1);
  GRADCAM_TRY(Tensor result, Tensor::zeros({columns, rows.size()}));
  constexpr std::size_t kAtOnce = 16;  // of the rows, which stay in the fastest cache
  for (std::size_t first = 0; first < rows.size(); first += kAtOnce) {
    const auto some = rows.subspan(first, std::min(kAtOnce, rows.size() - first));
    for (std::size_t c = 0; c < columns; ++c) {
      float* out = result.data() + c * rows.size() + first;
      for (const std::size_t row : some) *out++ = matrix.data()[row * columns + c];
    }
  }
  return result;
}

/// Visits (r, w . x[r]) for some rows of x.
template <class Visit>
void for_each_product(const Tensor& x, std::span<const std::uint32_t> rows, const float* w,
                      Visit&& visit) {
  const std::size_t inputs = x.dim(1);
  for (std::size_t i = 0; i < rows.size(); i += 4) {
    const std::size_t count = std::min<std::size_t>(4, rows.size() - i);
    const float* four[4];
    float products[4];
    for (std::size_t k = 0; k < 4; ++k) {
      four[k] = x.data() + rows[i + std::min(k, count - 1)] * inputs;
    }
    dot_four(four, w, inputs, products);
    for (std::size_t k = 0; k < count; ++k) visit(rows[i + k], products[k]);
  }
}

}  // namespace

Result<Tensor> Dense::relu_score_changes(const Tensor& x, const Tensor& changes,
                                         const Tensor& factors) const {
  if (x.size() != inputs() || changes.rank() != 2 || changes.dim(0) != inputs() ||
      factors.rank() != 2 || factors.dim(1) != outputs()) {
    return fail(ErrorCode::kInvalidArgument,
                "a dense layer of " + std::to_string(inputs()) + " inputs and " +
                    std::to_string(outputs()) + " outputs was given changes of shape " +
                    to_string(changes.shape()) + " and factors of shape " +
                    to_string(factors.shape()));
  }
  const std::size_t scores = factors.dim(0);
  const std::size_t ways = changes.dim(1);
  GRADCAM_TRY(Tensor result, Tensor::zeros({scores, ways}));
  GRADCAM_TRY(Tensor gradient, factors.clone());  // of the scores, before the ReLU
  const std::vector<std::size_t> live = live_rows(changes);
  GRADCAM_TRY(const Tensor live_changes, transposed(changes, live));
  GRADCAM_TRY(SignChanges signs, SignChanges::of(live_changes));
  SignChanges::Found found;
  std::vector<float> buffer(SignChanges::kOutputs * inputs());
  std::vector<float> weights(SignChanges::kOutputs * live.size());
  for (std::size_t first = 0; first < outputs(); first += SignChanges::kOutputs) {
    const std::size_t count = std::min(SignChanges::kOutputs, outputs() - first);
    const float* row = rows(first, count, buffer);
    float sums[SignChanges::kOutputs];
    gemv(row, x.data(), count, inputs(), sums);
    float* picked = weights.data();
    for (std::size_t o = 0; o < count; ++o, row += inputs()) {
      sums[o] += bias_.data()[first + o];
      for (const std::size_t i : live) *picked++ = row[i];
    }
    signs.find(weights.data(), sums, count, found);
    for (std::size_t o = 0; o < count; ++o) {
      const float sum = sums[o];
      for (std::size_t s = 0; s < scores && !(sum > 0); ++s) {
        gradient.data()[s * outputs() + first + o] = 0;
      }
      for_each_product(live_changes, found[o], weights.data() + o * live.size(),
                       [&](std::size_t way, float change) {
                         if ((sum > 0) == (sum + change > 0)) return;
                         const float bend = std::abs(sum + change);
                         for (std::size_t s = 0; s < scores; ++s) {
                           result.data()[s * ways + way] +=
                               factors.data()[s * outputs() + first + o] * bend;
                         }
                       });
    }
  }
  GRADCAM_TRY(const Tensor input_gradient, backward(gradient));
  GRADCAM_TRY(Tensor linear, Tensor::zeros({scores, ways}));
  gemv_transposed(changes.data(), input_gradient.data(), scores, inputs(), ways, linear.data());
  std::ranges::transform(linear.values(), result.values(), result.data(), std::plus<float>());
  return result;
}

Result<Tensor> Dense::backward(const Tensor& gradient) const { return backward(gradient, nullptr); }

Result<Tensor> Dense::backward_where(const Tensor& x, const Tensor& gradient) const {
  if (x.size() != inputs()) {
    return fail(ErrorCode::kInvalidArgument, "a dense layer of " + std::to_string(inputs()) +
                                                 " inputs cannot have inputs of shape " +
                                                 to_string(x.shape()));
  }
  return backward(gradient, x.data());
}

Result<Tensor> Dense::backward(const Tensor& gradient, const float* x) const {
  if (gradient.rank() != 2 || gradient.dim(1) != outputs()) {
    return fail(ErrorCode::kInvalidArgument, "a dense layer of " + std::to_string(outputs()) +
                                                 " outputs cannot have output gradients of shape " +
                                                 to_string(gradient.shape()));
  }
  const std::size_t rows = gradient.dim(0);
  GRADCAM_TRY(Tensor result, Tensor::zeros({rows, inputs()}));
  const float* y = gradient.data();
  if (const auto* int8 = std::get_if<Int8Weight>(&weight_)) {
    gemv_transposed(int8->values.get(), int8->scale.data(), y, rows, outputs(), inputs(),
                    result.data(), x);
  } else if (const auto* int4 = std::get_if<Int4Weight>(&weight_)) {
    gemv_transposed(int4->values.get(), int4->scale.data(), int4->group, y, rows, outputs(),
                    inputs(), result.data(), x);
  } else if (const auto* float16 = std::get_if<Float16Weight>(&weight_)) {
    gemv_transposed(float16->values.get(), y, rows, outputs(), inputs(), result.data(), x);
  } else if (const auto* columns = std::get_if<Columns>(&weight_)) {
    backward_columns(*columns, x, gradient, result);
  } else {
    gemv_transposed(std::get<Tensor>(weight_).data(), y, rows, outputs(), inputs(), result.data(),
                    x);
  }
  return result;
}

/// Four columns at a time, which stay in a cache for all gradients; not those where x, if there is
/// one, is zero.
void Dense::backward_columns(const Columns& weight, const float* x, const Tensor& gradient,
                             Tensor& result) {
  const std::size_t inputs = weight.values.dim(0);
  const std::size_t outputs = weight.values.dim(1);
  for (std::size_t i = 0; i < inputs;) {
    std::size_t live[4];
    std::size_t count = 0;
    for (; i < inputs && count < 4; ++i) {
      if (x == nullptr || x[i] != 0) live[count++] = i;
    }
    if (count == 0) return;
    const float* columns[4];
    for (std::size_t k = 0; k < 4; ++k) {
      columns[k] = weight.values.data() + live[std::min(k, count - 1)] * outputs;
    }
    for (std::size_t row = 0; row < gradient.dim(0); ++row) {
      float products[4];
      dot_four(columns, gradient.data() + row * outputs, outputs, products);
      for (std::size_t k = 0; k < count; ++k) {
        result.data()[row * inputs + live[k]] = products[k];
      }
    }
  }
}

void Dense::expand(std::size_t output, std::size_t first, std::span<float> values) const {
  const std::size_t at = output * inputs() + first;
  if (const auto* int8 = std::get_if<Int8Weight>(&weight_)) {
    expand_int8(int8->values.get() + at, int8->scale.data()[output], values.size(), values.data());
  } else if (const auto* int4 = std::get_if<Int4Weight>(&weight_)) {
    expand_int4(int4->values.get() + output * inputs() / 2,
                int4->scale.data() + output * int4->scale.dim(1), int4->group, first, values.size(),
                values.data());
  } else if (const auto* float16 = std::get_if<Float16Weight>(&weight_)) {
    expand_float16(float16->values.get() + at, values.size(), values.data());
  } else if (const auto* columns = std::get_if<Columns>(&weight_)) {
    const float* from = columns->values.data() + first * outputs() + output;
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = from[i * outputs()];
  } else {
    simd::copy(std::get<Tensor>(weight_).data() + at, values.size(), values.data());
  }
}

const float* Dense::rows(std::size_t first, std::size_t count, std::span<float> buffer) const {
  if (const auto* plain = std::get_if<Tensor>(&weight_)) return plain->data() + first * inputs();
  for (std::size_t r = 0; r < count; ++r) {
    expand(first + r, 0, buffer.subspan(r * inputs(), inputs()));
  }
  return buffer.data();
}

Result<Tensor> Dense::weight() const {
  GRADCAM_TRY(Tensor result, Tensor::uninitialized({outputs(), inputs()}));
  if (const auto* columns = std::get_if<Columns>(&weight_)) {
    transpose(columns->values.data(), inputs(), outputs(), outputs(), result.data(), inputs());
    return result;
  }
  for (std::size_t o = 0; o < outputs(); ++o) {
    expand(o, 0, result.values().subspan(o * inputs(), inputs()));
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
  if (const auto* columns = std::get_if<Columns>(&weight_)) {
    std::vector<float> turned(channels * outputs());
    const float* value = columns->values.data();
    for (std::size_t p = 0; p < positions; ++p) {
      for (float& sum : turned) sum += *value++;
    }
    transpose(turned.data(), channels, outputs(), outputs(), sums.data(), channels);
  } else {
    std::vector<float> row(inputs());
    for (std::size_t o = 0; o < outputs(); ++o) {
      expand(o, 0, row);
      float* sum = sums.data() + o * channels;
      const float* value = row.data();
      for (std::size_t p = 0; p < positions; ++p) {
        for (std::size_t c = 0; c < channels; ++c) sum[c] += *value++;
      }
    }
  }
  GRADCAM_TRY(Tensor no_bias, Tensor::zeros({outputs()}));
  return from_float32(std::move(sums), std::move(no_bias));
}

namespace {

/// Whether x [n, I] and y [n, O] are what a layer of weight [O, I] takes and gives.
Result<void> check_batch(const Shape& weight, const Shape& x, const Shape& y) {
  if (weight.size() == 2 && x.size() == 2 && y.size() == 2 && x[0] == y[0] && x[1] == weight[1] &&
      y[1] == weight[0]) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "a dense layer of weight " + to_string(weight) +
                                               " cannot turn a batch " + to_string(x) + " into " +
                                               to_string(y));
}

Result<void> check_part(std::size_t first, std::size_t count, std::size_t whole) {
  if (first <= whole && count <= whole - first) return {};
  return fail(ErrorCode::kInvalidArgument, std::to_string(count) + " rows from " +
                                               std::to_string(first) + " on are not among " +
                                               std::to_string(whole));
}

}  // namespace

Result<void> dense_forward(const Tensor& weight, const Tensor& bias, const Tensor& x,
                           std::size_t first, std::size_t count, Tensor& y) {
  GRADCAM_CHECK_OK(check_batch(weight.shape(), x.shape(), y.shape()));
  GRADCAM_CHECK_OK(check_part(first, count, std::min(weight.dim(0), bias.size())));
  const std::size_t inputs = weight.dim(1);
  const std::size_t outputs = weight.dim(0);
  constexpr std::size_t kAtOnce = 4;  // of the weights, which stay in the cache for all samples
  for (std::size_t o = first; o < first + count; o += kAtOnce) {
    const std::size_t rows = std::min(kAtOnce, first + count - o);
    for (std::size_t sample = 0; sample < x.dim(0); ++sample) {
      float* out = y.data() + sample * outputs + o;
      gemv(weight.data() + o * inputs, x.data() + sample * inputs, rows, inputs, out);
      for (std::size_t r = 0; r < rows; ++r) out[r] += bias.data()[o + r];
    }
  }
  return {};
}

Result<void> dense_backward(const Tensor& weight, const Tensor& gradient, std::size_t first,
                            std::size_t count, Tensor& x_gradient) {
  GRADCAM_CHECK_OK(check_batch(weight.shape(), x_gradient.shape(), gradient.shape()));
  GRADCAM_CHECK_OK(check_part(first, count, gradient.dim(0)));
  gemv_transposed(weight.data(), gradient.data() + first * weight.dim(0), count, weight.dim(0),
                  weight.dim(1), x_gradient.data() + first * weight.dim(1));
  return {};
}

Result<void> dense_backward_weight(const Tensor& x, const Tensor& gradient, std::size_t first,
                                   std::span<float> weight_gradient,
                                   std::span<float> bias_gradient) {
  if (x.rank() != 2 || gradient.rank() != 2 || x.dim(0) != gradient.dim(0) ||
      weight_gradient.size() != bias_gradient.size() * x.dim(1)) {
    return fail(ErrorCode::kInvalidArgument,
                "a batch " + to_string(x.shape()) + " and output gradients " +
                    to_string(gradient.shape()) + " do not give " +
                    std::to_string(weight_gradient.size()) + " weight gradients");
  }
  const std::size_t rows = bias_gradient.size();
  const std::size_t samples = x.dim(0);
  GRADCAM_CHECK_OK(check_part(first, rows, gradient.dim(1)));
  std::vector<float> turned(rows * samples);  // [outputs, n]
  for (std::size_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (std::size_t sample = 0; sample < samples; ++sample) {
      const float value = gradient.data()[sample * gradient.dim(1) + first + r];
      turned[r * samples + sample] = value;
      sum += double{value};
    }
    bias_gradient[r] = static_cast<float>(sum);
  }
  // (dL/dy)^T x is the transposed product of the "matrix" x [n, I] with the columns of dL/dy.
  gemv_transposed(x.data(), turned.data(), rows, samples, x.dim(1), weight_gradient.data());
  return {};
}

}  // namespace gradcam
