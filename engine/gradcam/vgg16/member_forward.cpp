#include <algorithm>

#include "gradcam/kernels/max_pool2x2.h"
#include "gradcam/layers/relu.h"
#include "gradcam/vgg16/member.h"
#include "gradcam/vgg16/member_parts.h"

namespace gradcam {

/// Completes what this member needs of a layer, see `expect_outputs`.
void Member::take_outputs(std::size_t layer, std::span<const Message> received) {
  Tensor& whole = output(layer);
  for (const auto& [from, values] : received) {
    if (layer + 1 < kStripLayers) {
      const std::size_t row = from < share().member ? 0 : whole.dim(0) - 1;
      std::ranges::copy(values.values(), whole.data() + row * row_floats(whole));
    } else if (layer < kStripLayers) {
      const std::size_t row = strip(from, kStripPools).begin;
      std::ranges::copy(values.values(), whole.data() + row * row_floats(whole));
    } else {
      set_columns(values.values(), part(layer, from), model_.outputs(layer), whole);
    }
  }
}

/// A convolution of blocks 1 to 3, on this member's rows.
Result<void> Member::forward_strip(std::size_t layer) {
  if (strip(share().member).empty()) return {};
  if (has_bands() && layer < kBlock1Conv2) return {};
  if (has_bands() && layer == kBlock1Conv2) return forward_block1_in_bands();
  GRADCAM_CHECK_OK(make_room(layer));
  const Tensor& x = strip_input(layer);
  Tensor& y = activations_.conv[layer];
  const Vgg16::Conv& conv = model_.conv_[layer];
  const std::size_t rows = conv.spec.output_rows(x.dim(0)) / (conv.spec.pool ? 2 : 1);
  const bool is_last = layer + 1 == kStripLayers;
  const Conv3x3Spec& next = model_.conv_[layer + 1].spec;
  const std::size_t first = is_last ? strip(share().member, kStripPools).begin : 1 - next.pad_top;
  const std::size_t row = row_floats(y);
  const auto own = y.values().subspan(first * row, rows * row);
  GRADCAM_CHECK_OK(convolve(layer, x, own.data()));
  free_input(layer);
  if (is_last) return send_to_others(own);
  if (next.pad_top == 0) GRADCAM_CHECK_OK(send(above(), own.first(row)));
  if (next.pad_bottom == 0) GRADCAM_CHECK_OK(send(below(), own.last(row)));
  return {};
}

/// Both convolutions of block 1, a band of rows after the other.
Result<void> Member::forward_block1_in_bands() {
  constexpr std::size_t kRows = 56;  // of the picture
  // More at either end: a row next to the band, which block1_conv2 needs, and one more for that to
  // be right; they make up a row after pooling, which is not.
  constexpr std::size_t kMore = 2;
  free_input(kBlock1Conv2);  // of a forward pass that needed it
  GRADCAM_CHECK_OK(make_room(kBlock1Conv2));
  Tensor& y = activations_.conv[kBlock1Conv2];
  const std::size_t height = input_.dim(0);
  const std::size_t width = input_.dim(1);
  GRADCAM_TRY(Tensor between, Tensor::uninitialized({kRows + 2 * kMore, width, model_.outputs(0)}));
  GRADCAM_TRY(Tensor pooled, Tensor::uninitialized({kRows / 2 + kMore, y.dim(1), y.dim(2)}));
  for (std::size_t first = 0; first < height; first += kRows) {
    const std::size_t begin = first - std::min(first, kMore);
    const std::size_t rows = std::min(height, first + kRows + kMore) - begin;
    const float* x = input_.data() + begin * row_floats(input_);
    for (std::size_t layer = 0; layer <= kBlock1Conv2; ++layer) {
      const Conv3x3& kernel = *model_.conv_[layer].kernel;
      Tensor& workspace = activations_.workspace;
      const std::size_t floats = kernel.workspace_floats(rows, width);
      if (workspace.size() < floats) {
        GRADCAM_TRY(workspace, Tensor::zeros({floats}));
      }
      float* out = layer == 0 ? between.data() : pooled.data();
      GRADCAM_CHECK_OK(kernel.run(x, rows, width, out, workspace.data()));
      x = out;
    }
    const std::size_t row = row_floats(y);
    std::copy_n(pooled.data() + (first - begin) / 2 * row,
                std::min(kRows, height - first) / 2 * row, y.data() + first / 2 * row);
  }
  return {};
}

/// A convolution of block 4 or 5, of this member's channels.
Result<void> Member::forward_channels(std::size_t layer) {
  const Vgg16::Conv& conv = model_.conv_[layer];
  if (conv.kernel == nullptr) return {};
  GRADCAM_CHECK_OK(make_room(layer));
  const Tensor& x = activations_.conv[layer - 1];
  Tensor& y = activations_.conv[layer];
  const std::size_t outputs = model_.outputs(layer);
  const Range own = own_part(layer);
  const bool is_last = layer == kBlock5Conv3;
  // All the channels go where they belong at once, and so do those that stay at their member.
  const bool in_place = is_last || own.size() == outputs;
  Tensor slice;
  if (!in_place) {
    GRADCAM_TRY(slice, Tensor::uninitialized({y.dim(0), y.dim(1), own.size()}));
  }
  GRADCAM_CHECK_OK(convolve(layer, x, in_place ? y.data() : slice.data()));
  free_input(layer);
  if (is_last) {
    GRADCAM_TRY(slice, Tensor::uninitialized({y.dim(0) / 2, y.dim(1) / 2, own.size()}));
    max_pool2x2(y.data(), y.dim(0), y.dim(1), own.size(), slice.data());
  } else if (in_place) {
    return send_to_others(y.values());
  }
  set_columns(slice.values(), own, outputs, output(layer));
  return send_to_others(slice.values());
}

/// A convolution as this member has it, with its pooling; keeps what is pooled away if gradients
/// will need it.
Result<void> Member::convolve(std::size_t layer, const Tensor& x, float* y) {
  const Conv3x3& kernel = *model_.conv_[layer].kernel;
  float* workspace = activations_.workspace.data();
  if (!kernel.spec().pool || layer < outlook_.layer) {
    return kernel.run(x.data(), x.dim(0), x.dim(1), y, workspace);
  }
  Tensor& unpooled = activations_.unpooled[layer];
  GRADCAM_TRY(unpooled, Tensor::uninitialized({kernel.spec().output_rows(x.dim(0)), x.dim(1),
                                               kernel.spec().out_channels}));
  GRADCAM_CHECK_OK(kernel.run_unpooled(x.data(), x.dim(0), x.dim(1), unpooled.data(), workspace));
  max_pool2x2(unpooled.data(), unpooled.dim(0), unpooled.dim(1), unpooled.dim(2), y);
  return {};
}

/// The rows of a dense layer that are this member's, or at hand; of the last layer all of them.
Result<void> Member::forward_dense(std::size_t layer) {
  const auto [weights, outputs] = rows_at_hand(layer);
  GRADCAM_TRY(Tensor slice, Tensor::zeros({outputs.size()}));
  if (layer == kFc1 && outlook_.ablation) {
    GRADCAM_CHECK_OK(add_fc1_parts());
    const std::size_t columns = fc1_parts_.dim(1);
    const std::size_t first = outputs.begin - own_part(layer).begin;
    for (std::size_t o = 0; o < slice.size(); ++o) {
      slice.data()[o] = fc1_parts_.data()[(first + o + 1) * columns - 1];
    }
  } else {
    GRADCAM_CHECK_OK(weights.forward(output(layer - 1), slice));
  }
  if (layer == kPredictions) {
    activations_.logits = std::move(slice);
    is_classified_ = true;
    return Vgg16::check_finite(activations_.logits);
  }
  relu_forward(slice.values());
  set_columns(slice.values(), outputs, model_.outputs(layer), output(layer));
  return send_to_others(slice.values());
}

/// What each channel of block5_pool adds to this member's outputs of fc1, or to those at hand.
Result<void> Member::add_fc1_parts() {
  const auto [weights, outputs] = rows_at_hand(kFc1);
  GRADCAM_TRY(Tensor parts, weights.forward_by_channels(activations_.block5_pool));
  const Range own = own_part(kFc1);
  if (outputs.size() == own.size()) {
    fc1_parts_ = std::move(parts);
    return {};
  }
  const std::size_t columns = parts.dim(1);
  if (fc1_parts_.empty()) {
    GRADCAM_TRY(fc1_parts_, Tensor::uninitialized({own.size(), columns}));
  }
  std::ranges::copy(parts.values(), fc1_parts_.data() + (outputs.begin - own.begin) * columns);
  return {};
}

}  // namespace gradcam
