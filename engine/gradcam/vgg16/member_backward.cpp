#include <algorithm>
#include <utility>

#include "gradcam/layers/conv2d.h"
#include "gradcam/layers/max_pool.h"
#include "gradcam/layers/relu.h"
#include "gradcam/vgg16/member.h"
#include "gradcam/vgg16/member_parts.h"

namespace gradcam {

/// What the gradient at some outputs of fc1 gives at its inputs, added to what the others gave.
Result<void> Member::add_fc1_product(const Dense& rows, Range outputs) {
  GRADCAM_TRY(const Tensor gradient, get_columns(gradient_, outputs));
  GRADCAM_TRY(Tensor product, rows.backward(gradient));
  if (!fc1_product_.empty()) add(fc1_product_.values(), product);
  fc1_product_ = std::move(product);
  return {};
}

/// From the gradient at this member's outputs of a layer to its contribution to that at the
/// layer's inputs. Where only means are wanted of block5_pool, sums over its positions. Of the last
/// layer every member has all outputs, and so all that is to be known of its own inputs.
Result<void> Member::backward_dense(std::size_t layer, std::span<const Message> received) {
  for (const Message& message : received) add(message.values.values(), gradient_);
  if (layer != kPredictions && fc1_rows_done_ == 0) {
    const Range own = own_part(layer);
    const auto outputs = output(layer).values().subspan(own.begin, own.size());
    for (std::size_t row = 0; row < scores_; ++row) {
      relu_backward(outputs, gradient_.values().subspan(row * own.size(), own.size()),
                    request_.rule);
    }
  }
  const auto [rows, outputs] = rows_at_hand(layer);
  Tensor product;
  if (fc1_rows_) {
    GRADCAM_CHECK_OK(add_fc1_product(rows, outputs));
    if (outputs.end < model_.outputs(kFc1)) return {};
    product = std::exchange(fc1_product_, {});
  } else if (layer == kFc1 && by_sums_) {
    GRADCAM_TRY(product, model_.fc1_sums_.backward(gradient_));
  } else if (layer == kFc2 || (layer == kFc1 && only_live_)) {
    // What is not live at the layer's inputs stops at the ReLU that gave them.
    GRADCAM_TRY(product, rows.backward_where(output(layer - 1), gradient_));
  } else {
    // An ablation brings outputs of fc2 to life.
    GRADCAM_TRY(product, rows.backward(gradient_));
  }
  if (layer == kPredictions) {
    GRADCAM_TRY(gradient_, cut(product, kFc2, share().member));
    return {};
  }
  if (layer != kFc1 || by_sums_) {
    GRADCAM_TRY(gradient_, hand_out(product, layer));
    return {};
  }
  for (std::size_t row = 0; row < scores_; ++row) {
    GRADCAM_TRY(const Tensor one, product.row_as(activations_.block5_pool.shape(), row));
    GRADCAM_TRY(Tensor own, hand_out(one, layer));
    map_gradients_.push_back(std::move(own));
  }
  return {};
}

/// The same through a convolution of block 4 or 5.
Result<void> Member::backward_channels(std::size_t layer, std::span<const Message> received) {
  const bool has_any = has_part(layer, share().member);
  if (has_any) GRADCAM_CHECK_OK(enter_map(layer, received, true));
  for (Tensor& gradient : map_gradients_) {
    Tensor product;
    if (has_any) {
      GRADCAM_TRY(product, model_.backward_through(layer, gradient, activations_.workspace));
    } else {
      GRADCAM_TRY(product, Tensor::zeros(output(layer - 1).shape()));
    }
    GRADCAM_TRY(gradient, hand_out(product, layer));
  }
  return {};
}

/// Prepares the way back through a convolution of blocks 1 to 3.
Result<void> Member::share_border(std::size_t layer, std::span<const Message> received) {
  if (!has_part(layer, share().member)) return {};
  GRADCAM_CHECK_OK(enter_map(layer, received, true));
  const Conv3x3Spec& spec = model_.conv_[layer].spec;
  for (const Tensor& gradient : map_gradients_) {
    const std::size_t row = row_floats(gradient);
    if (spec.pad_top == 0) GRADCAM_CHECK_OK(send(above(), gradient.values().first(row)));
    if (spec.pad_bottom == 0) GRADCAM_CHECK_OK(send(below(), gradient.values().last(row)));
  }
  return {};
}

/// From the gradient at this member's rows of a convolution's output, and at those next to them, to
/// that at its rows of the input.
Result<void> Member::backward_strip(std::size_t layer, std::span<const Message> received) {
  if (!has_part(layer, share().member)) return {};
  const Conv3x3Spec& spec = model_.conv_[layer].spec;
  for (std::size_t i = 0; i < map_gradients_.size(); ++i) {
    Tensor& own = map_gradients_[i];
    const std::size_t row = row_floats(own);
    const std::size_t above = 1 - spec.pad_top;
    const std::size_t rows = own.dim(0) + above + 1 - spec.pad_bottom;
    GRADCAM_TRY(Tensor gradient, Tensor::uninitialized({rows, own.dim(1), own.dim(2)}));
    std::ranges::copy(own.values(), gradient.data() + above * row);
    // The rows from above come first, if there are any.
    if (above > 0) std::ranges::copy(received[i].values.values(), gradient.data());
    if (spec.pad_bottom == 0) {
      const Message& message = received[above * scores_ + i];
      std::ranges::copy(message.values.values(), gradient.data() + (rows - 1) * row);
    }
    GRADCAM_TRY(own, model_.backward_through(layer, gradient, activations_.workspace));
  }
  return {};
}

/// Completes the gradients at a map layer with the others' contributions, and takes them back
/// through the max-pool that may follow it; and, on the way through, through the layer's ReLU.
Result<void> Member::enter_map(std::size_t layer, std::span<const Message> received,
                               bool through_relu) {
  for (std::size_t i = 0; i < received.size(); ++i) {
    add(received[i].values.values(), map_gradients_[i % scores_]);
  }
  if (layer == kBlock5Pool || !(kEndsBlock[layer] || through_relu)) return {};
  GRADCAM_TRY(const auto outputs, own_map(layer));
  for (Tensor& gradient : map_gradients_) {
    if (!kEndsBlock[layer]) {
      relu_backward(outputs, gradient.values(), request_.rule);
      continue;
    }
    if (through_relu && request_.rule == ReluRule::kGuided) relu_forward(gradient.values());
    GRADCAM_TRY(gradient, max_pool_backward(activations_.map(layer), gradient, through_relu));
  }
  return {};
}

/// Gives the other members their parts of a layer's product for its inputs; returns this one's.
Result<Tensor> Member::hand_out(const Tensor& product, std::size_t layer) {
  for (std::size_t member = 0; member < share().members; ++member) {
    if (member == share().member || own_part(layer).empty()) continue;
    GRADCAM_TRY(Tensor values, cut(product, layer - 1, member));
    if (!values.empty()) outbox_.push_back({member, std::move(values)});
  }
  return cut(product, layer - 1, share().member);
}

/// This member's part of a map layer's output before pooling; valid until asked again.
Result<std::span<const float>> Member::own_map(std::size_t layer) {
  const bool is_pool = layer == kBlock5Pool;
  const bool is_pooled = !is_pool && kEndsBlock[layer];
  if (is_pooled && layer != kBlock5Conv3 && activations_.unpooled[layer].empty()) {
    GRADCAM_TRY(activations_.unpooled[layer],
                conv2d_forward_unpooled(*model_.conv_[layer].kernel, activations_.conv[layer - 1],
                                        activations_.workspace));
  }
  const Tensor& map = activations_.map(layer);
  if (is_pooled || share().members == 1) return map.values();
  if (layer < kStripLayers) {
    const std::size_t row = row_floats(map);
    const std::size_t first = 1 - model_.conv_[layer + 1].spec.pad_top;
    const std::size_t rows = strip(share().member, pools_before(layer)).size();
    return map.values().subspan(first * row, rows * row);
  }
  GRADCAM_TRY(own_map_, cut(map, is_pool ? kBlock5Conv3 : layer, share().member));
  return own_map_.values();
}

// --- Ablation

/// At fc1: how this member's outputs change without each of the channels. At fc2: what the scores
/// lose by that, by way of this member's outputs.
Result<void> Member::ablate(std::size_t layer, std::span<const Message> received) {
  const auto put = [&](std::span<const float> values, std::size_t member) {
    const std::size_t row = part(kFc1, member).begin;
    std::ranges::copy(values, ablated_.data() + row * channels_.size());
  };
  if (layer == kFc1) {
    GRADCAM_TRY(const Tensor own, relu_changes(fc1_parts_, channels_));
    GRADCAM_CHECK_OK(send_to_others(own.values()));
    GRADCAM_TRY(ablated_, Tensor::zeros({model_.outputs(kFc1), channels_.size()}));
    put(own.values(), share().member);
    return {};
  }
  for (const auto& [from, values] : received) put(values.values(), from);
  GRADCAM_TRY(ablated_, model_.fc2_.relu_score_changes(activations_.fc1, ablated_, gradient_));
  for (float& drop : ablated_.values()) drop = -drop;
  scores_ = 0;  // their gradient goes no farther
  return {};
}

}  // namespace gradcam
