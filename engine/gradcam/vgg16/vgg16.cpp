#include "gradcam/vgg16/vgg16.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>
#include <span>
#include <utility>

#include "gradcam/layers/conv2d.h"
#include "gradcam/layers/max_pool.h"
#include "gradcam/layers/relu.h"
#include "gradcam/layers/softmax.h"
#include "gradcam/tensor/order.h"
#include "gradcam/vgg16/head.h"
#include "gradcam/weights/rows.h"

namespace gradcam {
namespace {

/// Applies one layer's ReLU mask to the gradients of several classes.
void relu_backward_rows(ReluRule rule, const Tensor& output, Tensor& gradients) {
  for (std::size_t row = 0; row < gradients.dim(0); ++row) {
    relu_backward(output.values(), gradients.values().subspan(row * output.size(), output.size()),
                  rule);
  }
}

/// Makes one tensor like another, in the memory that it has if that fits.
Result<void> copy_to(Tensor& copy, const Tensor& tensor) {
  if (copy.shape() != tensor.shape()) {
    GRADCAM_TRY(copy, Tensor::uninitialized(tensor.shape()));
  }
  std::ranges::copy(tensor.values(), copy.data());
  return {};
}

}  // namespace

std::uint64_t ModelInfo::multiply_adds() const {
  std::uint64_t sum = 0;
  for (const LayerInfo& layer : layers) {
    const std::uint64_t weights = layer.weight.front() * row_elements(layer.weight);
    const bool is_map = layer.output.size() == 3;
    sum += is_map ? weights * layer.output[0] * layer.output[1] : weights;
  }
  return sum;
}

Vgg16::Vgg16(ModelInfo info, Share share, std::array<Conv, kConvLayers> conv, Dense fc1,
             Dense fc1_sums, Dense fc2, Dense predictions)
    : info_(std::move(info)),
      share_(share),
      conv_(std::move(conv)),
      fc1_(std::move(fc1)),
      fc1_sums_(std::move(fc1_sums)),
      fc2_(std::move(fc2)),
      predictions_(std::move(predictions)) {}

Result<void> Vgg16::check_whole() const {
  if (fc1_in_file_) {
    return fail(ErrorCode::kInvalidArgument,
                "fc1's weights are left in the file; only a Member can read them");
  }
  if (share_.members == 1) return {};
  return fail(ErrorCode::kInvalidArgument, "this is member " + std::to_string(share_.member) +
                                               " of " + std::to_string(share_.members) +
                                               " with a part of the weights; it cannot do it "
                                               "alone");
}

Result<void> Vgg16::check_input(const Tensor& input) const {
  if (const std::size_t side = info_.side(); input.shape() != Shape{side, side, 3}) {
    return fail(ErrorCode::kInvalidArgument,
                "the network cannot take an input of shape " + to_string(input.shape()));
  }
  if (std::ranges::all_of(input.values(), [](float value) { return std::isfinite(value); })) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "the network's input has values that are not finite");
}

Result<void> Vgg16::check_activations(const Activations& activations) const {
  const std::size_t side = info_.side() / kTotalStride;
  if (activations.block5_pool.shape() == Shape{side, side, outputs(kBlock5Conv3)} &&
      activations.fc1.size() == outputs(kFc1) && activations.fc2.size() == outputs(kFc2) &&
      activations.logits.size() == logits()) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument,
              "the activations are not of this model, or of the one with another head");
}

Result<void> Vgg16::check_map(const Activations& activations, std::size_t layer) const {
  GRADCAM_CHECK_OK(check_whole());
  if (layer >= kMapLayers) {
    return fail(ErrorCode::kInvalidArgument, "there is no map layer " + std::to_string(layer) +
                                                 "; the last one is " +
                                                 std::to_string(kMapLayers - 1));
  }
  const std::size_t side = info_.side(pools_before(layer));
  if (activations.map(layer).shape() == Shape{side, side, outputs(std::min(layer, kBlock5Conv3))}) {
    return {};
  }
  const bool is_pooled = layer < kBlock5Conv3 && kEndsBlock[layer];
  return fail(ErrorCode::kInvalidArgument,
              "the activations hold no output of " + std::string(map_layer_name(layer)) +
                  (is_pooled ? " before pooling: complete them first" : ""));
}

Result<void> Vgg16::use_head(const Head* head) {
  if (head == nullptr) {
    if (!own_head_) return {};
    predictions_ = std::move(own_head_->predictions);
    info_.layers.back() = std::move(own_head_->layer);
    info_.metadata = std::move(own_head_->metadata);
    info_.parameters = own_head_->parameters;
    own_head_.reset();
    return {};
  }
  GRADCAM_CHECK_OK(check_head(*head));
  LayerInfo& layer = info_.layers.back();
  const std::size_t inputs = layer.weight[1];
  if (head->weight.dim(1) != inputs) {
    return fail(ErrorCode::kInvalidArgument,
                "the head takes " + std::to_string(head->weight.dim(1)) +
                    " inputs, but this model's fc2 has " + std::to_string(inputs) + " outputs");
  }
  // Members without a fingerprint have their word of it from the first one.
  if (!info_.fingerprint.empty() && head->base != info_.fingerprint) {
    return fail(ErrorCode::kInvalidArgument,
                "the head was trained on another model: on one of the fingerprint " + head->base +
                    ", not " + info_.fingerprint);
  }
  GRADCAM_TRY(Tensor weight, head->weight.clone());
  GRADCAM_TRY(Tensor bias, head->bias.clone());
  GRADCAM_TRY(Dense dense, Dense::from_float32(std::move(weight), std::move(bias)));
  if (!own_head_)
    own_head_.emplace(std::move(predictions_), layer, info_.metadata, info_.parameters);
  predictions_ = std::move(dense);
  info_.parameters -= layer.weight[0] * (inputs + 1);
  info_.parameters += head->weight.size() + head->bias.size();
  layer.weight = head->weight.shape();
  layer.output = head->bias.shape();
  layer.dtype = dtype_name(DType::kF32);
  info_.metadata = head->metadata;
  return {};
}

/// with_maps: whether to allocate the outputs of the convolutions.
Result<Activations> Vgg16::make_activations(bool with_maps) const {
  Activations activations;
  std::size_t width = info_.side();
  std::size_t pools = 0;
  std::size_t workspace = 0;
  // The rows of a convolution's input that this share has.
  const auto input_rows = [&](std::size_t layer) {
    if (layer >= kStripLayers) return width;
    const std::size_t own = own_rows(info_.side(), share_, pools).size();
    const Conv3x3Spec& spec = conv_[layer].spec;
    return own == 0 ? 0 : own + 2 - spec.pad_top - spec.pad_bottom;
  };
  for (std::size_t i = 0; i < kConvLayers; ++i) {
    const Conv& conv = conv_[i];
    if (conv.kernel != nullptr) {
      workspace = std::max(workspace, conv.kernel->workspace_floats(input_rows(i), width));
    }
    if (conv.spec.pool) {
      width /= 2;
      ++pools;
    }
    if (!with_maps) continue;
    const bool is_last = i + 1 == kConvLayers;
    GRADCAM_TRY(activations.conv[i],
                Tensor::zeros({is_last ? width : input_rows(i + 1), width,
                               is_last ? conv.spec.out_channels : outputs(i)}));
  }
  GRADCAM_TRY(activations.block5_pool,
              Tensor::zeros({width / 2, width / 2, outputs(kBlock5Conv3)}));
  GRADCAM_TRY(activations.fc1, Tensor::zeros({outputs(kFc1)}));
  GRADCAM_TRY(activations.fc2, Tensor::zeros({outputs(kFc2)}));
  GRADCAM_TRY(activations.logits, Tensor::zeros({logits()}));
  GRADCAM_TRY(activations.workspace, Tensor::zeros({workspace}));
  return activations;
}

Result<void> Vgg16::forward(const Tensor& input, Activations& activations) const {
  GRADCAM_CHECK_OK(check_whole());
  GRADCAM_CHECK_OK(check_input(input));
  activations.unpooled = {};
  GRADCAM_CHECK_OK(conv2d_forward(*conv_.front().kernel, input, activations.conv.front(),
                                  activations.workspace));
  return forward_behind(0, activations);
}

Result<void> Vgg16::forward_behind(std::size_t layer, Activations& activations) const {
  for (std::size_t i = layer + 1; i < kConvLayers; ++i) {
    GRADCAM_CHECK_OK(conv2d_forward(*conv_[i].kernel, activations.conv[i - 1], activations.conv[i],
                                    activations.workspace));
  }
  GRADCAM_CHECK_OK(max_pool_forward(activations.block5_conv3(), activations.block5_pool));
  return forward_dense(activations);
}

Result<void> Vgg16::forward_dense(Activations& activations) const {
  GRADCAM_CHECK_OK(fc1_.forward(activations.block5_pool, activations.fc1));
  relu_forward(activations.fc1.values());
  GRADCAM_CHECK_OK(fc2_.forward(activations.fc1, activations.fc2));
  relu_forward(activations.fc2.values());
  GRADCAM_CHECK_OK(predictions_.forward(activations.fc2, activations.logits));
  return check_finite(activations.logits);
}

Result<void> Vgg16::check_finite(const Tensor& logits) {
  if (std::ranges::all_of(logits.values(), [](float logit) { return std::isfinite(logit); })) {
    return {};
  }
  return fail(ErrorCode::kCorruptModel,
              "the network's logits are not finite: the model's weights, or the input, make it "
              "overflow");
}

Result<void> Vgg16::forward_from(std::size_t layer, const Tensor& map,
                                 Activations& activations) const {
  GRADCAM_CHECK_OK(check_whole());
  GRADCAM_CHECK_OK(check_activations(activations));
  if (layer == kBlock5Pool) {
    if (map.shape() == activations.block5_pool.shape()) {
      std::ranges::copy(map.values(), activations.block5_pool.data());
      return forward_dense(activations);
    }
  } else if (layer < kConvLayers) {
    Tensor& output = activations.conv[layer];
    const bool is_pooled = conv_[layer].spec.pool;
    if (is_pooled || map.shape() == output.shape()) {
      if (is_pooled) {
        GRADCAM_CHECK_OK(max_pool_forward(map, output));
        GRADCAM_CHECK_OK(copy_to(activations.unpooled[layer], map));
      } else {
        std::ranges::copy(map.values(), output.data());
      }
      // What was completed behind it is of another pass.
      for (std::size_t i = layer + 1; i < kConvLayers; ++i) activations.unpooled[i] = {};
      return forward_behind(layer, activations);
    }
  }
  return fail(ErrorCode::kInvalidArgument, "the network cannot go on from an output of shape " +
                                               to_string(map.shape()) + " at map layer " +
                                               std::to_string(layer));
}

Result<void> Vgg16::complete(Activations& activations, std::size_t layer) const {
  GRADCAM_CHECK_OK(check_whole());
  GRADCAM_CHECK_OK(check_activations(activations));
  for (std::size_t i = layer; i < kConvLayers; ++i) {
    if (!conv_[i].spec.pool || !activations.unpooled[i].empty()) continue;
    GRADCAM_CHECK_OK(check_map(activations, i - 1));
    GRADCAM_TRY(
        activations.unpooled[i],
        conv2d_forward_unpooled(*conv_[i].kernel, activations.conv[i - 1], activations.workspace));
  }
  return {};
}

std::vector<float> Vgg16::probabilities(std::span<const float> logits) const {
  std::vector<float> result(logits.size());
  softmax_forward(logits, info_.metadata.temperature, result);
  return result;
}

std::vector<Prediction> Vgg16::predictions(const Activations& activations) const {
  const auto logits = activations.logits.values();
  std::vector<Prediction> result;
  if (logits.size() != this->logits()) return result;
  const std::vector<float> p = probabilities(logits);
  result.reserve(classes());
  const auto of_classes = logits.first(classes());
  const std::vector<double> keys(of_classes.begin(), of_classes.end());
  for (const std::size_t i : largest_first(keys)) {
    result.push_back({i, p[i], logits[i]});
  }
  return result;
}

float Vgg16::others_probability(const Activations& activations) const {
  if (activations.logits.size() != logits()) return 0;
  const std::vector<float> p = probabilities(activations.logits.values());
  const auto others = std::span(p).subspan(classes());
  return std::accumulate(others.begin(), others.end(), 0.0f);
}

Result<void> Vgg16::check_classes(std::span<const std::size_t> classes) const {
  for (const std::size_t index : classes) {
    if (index < this->classes()) continue;
    return fail(ErrorCode::kInvalidArgument,
                "class " + std::to_string(index) + " does not exist; the model has " +
                    std::to_string(this->classes()) + " classes, counted from 0");
  }
  return {};
}

Result<Tensor> Vgg16::class_seeds(std::span<const std::size_t> classes) const {
  GRADCAM_CHECK_OK(check_classes(classes));
  GRADCAM_TRY(Tensor seeds, Tensor::zeros({classes.size(), logits()}));
  for (std::size_t i = 0; i < classes.size(); ++i) seeds.data()[i * logits() + classes[i]] = 1;
  return seeds;
}

Result<Tensor> Vgg16::backward_to_fc1(const Activations& activations, const Tensor& seeds,
                                      ReluRule rule) const {
  GRADCAM_CHECK_OK(check_whole());
  GRADCAM_CHECK_OK(check_activations(activations));
  // What is not live stops at the ReLU.
  GRADCAM_TRY(Tensor fc2_gradient, predictions_.backward_where(activations.fc2, seeds));
  relu_backward_rows(rule, activations.fc2, fc2_gradient);
  GRADCAM_TRY(Tensor fc1_gradient, fc2_.backward_where(activations.fc1, fc2_gradient));
  relu_backward_rows(rule, activations.fc1, fc1_gradient);
  return fc1_gradient;
}

Result<Tensor> Vgg16::backward_to_block5_pool(const Tensor& fc1_gradient) const {
  GRADCAM_CHECK_OK(check_whole());
  GRADCAM_TRY(Tensor gradient, fc1_.backward(fc1_gradient));
  const std::size_t side = info_.side() / kTotalStride;
  const std::size_t channels = conv_.back().spec.out_channels;
  GRADCAM_CHECK_OK(gradient.reshape({gradient.dim(0), side, side, channels}));
  return gradient;
}

Result<Tensor> Vgg16::backward_to_block5_pool_sums(const Tensor& fc1_gradient) const {
  GRADCAM_CHECK_OK(check_whole());
  return fc1_sums_.backward(fc1_gradient);
}

Result<Tensor> Vgg16::backward_to_layer(const Activations& activations, const Tensor& pool_gradient,
                                        std::size_t layer, ReluRule rule) const {
  GRADCAM_CHECK_OK(check_whole());
  for (std::size_t i = layer; i < kBlock5Pool; ++i) GRADCAM_CHECK_OK(check_map(activations, i));
  GRADCAM_CHECK_OK(check_map(activations, std::max(layer, kBlock5Pool)));
  if (layer == kBlock5Pool) return pool_gradient.clone();
  GRADCAM_TRY(Tensor gradient, max_pool_backward(activations.block5_conv3(), pool_gradient));
  Tensor workspace;
  for (std::size_t i = kBlock5Conv3; i > layer; --i) {
    relu_backward(activations.map(i).values(), gradient.values(), rule);
    GRADCAM_TRY(gradient, backward_through(i, gradient, workspace));
    if (!conv_[i - 1].spec.pool) continue;
    GRADCAM_TRY(gradient, max_pool_backward(activations.map(i - 1), gradient));
  }
  return gradient;
}

Result<Tensor> Vgg16::backward_to_input(const Activations& activations, const Tensor& pool_gradient,
                                        ReluRule rule) const {
  GRADCAM_TRY(Tensor gradient, backward_to_layer(activations, pool_gradient, 0, rule));
  relu_backward(activations.map(0).values(), gradient.values(), rule);
  Tensor workspace;
  return backward_through(0, gradient, workspace);
}

Result<Tensor> Vgg16::backward_through(std::size_t layer, const Tensor& gradient,
                                       Tensor& workspace) const {
  const Conv& conv = conv_[layer];
  const Conv3x3* transpose = nullptr;
  std::unique_ptr<Conv3x3> passing;
  if (conv.backward == ConvAlgorithm::kWinogradLean) {
    GRADCAM_TRY(passing, conv2d_transpose(conv.backward, *conv.kernel));
    transpose = passing.get();
  } else {
    const std::lock_guard lock(conv.transpose->mutex);
    if (conv.transpose->kernel == nullptr) {
      GRADCAM_TRY(conv.transpose->kernel, conv2d_transpose(conv.backward, *conv.kernel));
    }
    transpose = conv.transpose->kernel.get();
  }
  return conv2d_backward(*transpose, gradient, workspace);
}

Result<Tensor> Vgg16::drops_without_channels(const Activations& activations,
                                             std::span<const std::size_t> channels,
                                             std::span<const std::size_t> classes) const {
  GRADCAM_CHECK_OK(check_whole());
  GRADCAM_CHECK_OK(check_activations(activations));
  GRADCAM_TRY(const Tensor seeds, class_seeds(classes));
  GRADCAM_TRY(const Tensor factors, predictions_.backward(seeds));
  GRADCAM_TRY(const Tensor parts, fc1_.forward_by_channels(activations.block5_pool));
  GRADCAM_TRY(const Tensor changes, relu_changes(parts, channels));
  GRADCAM_TRY(Tensor drops, fc2_.relu_score_changes(activations.fc1, changes, factors));
  for (float& drop : drops.values()) drop = -drop;
  return drops;
}

}  // namespace gradcam
