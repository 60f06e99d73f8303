#include <algorithm>
#include <utility>
#include <vector>

#include "gradcam/kernels/weighted_sum.h"
#include "gradcam/vgg16/member.h"
#include "gradcam/vgg16/member_parts.h"

namespace gradcam {

/// Completes this member's part of what is wanted of a map layer, and gives it to member 0: its
/// part of the activation, if it alone has it; of each gradient; and of an ablation.
Result<void> Member::send_gathered(std::size_t map_layer, std::span<const Message> received) {
  own_parts_.clear();
  if (!has_part(map_layer, share().member)) {
    // Nothing of its own.
  } else if (gather_ == Gather::kWeightedSums) {
    for (const Message& message : received) add(message.values.values(), gradient_);
    GRADCAM_TRY(Tensor sums, weighted_sums(map_layer));
    own_parts_.push_back(std::move(sums));
  } else {
    GRADCAM_CHECK_OK(finish_gradients(map_layer, received));
    if (is_divided(map_layer)) {
      GRADCAM_TRY(const auto values, own_map(map_layer));
      GRADCAM_TRY(Tensor copy, Tensor::from({values.size()}, values));
      own_parts_.push_back(std::move(copy));
    }
    if (gather_ == Gather::kMeans) own_parts_.push_back(std::move(gradient_));
    for (Tensor& gradient : map_gradients_) own_parts_.push_back(std::move(gradient));
  }
  if (!ablated_.empty() && !own_part(kFc2).empty()) {
    GRADCAM_TRY(Tensor copy, ablated_.clone());
    own_parts_.push_back(std::move(copy));
  }
  if (share().member == 0) return {};
  for (Tensor& part : own_parts_) outbox_.push_back({0, std::move(part)});
  return {};
}

/// Completes the gradients at this member's part of a layer, or their means.
Result<void> Member::finish_gradients(std::size_t map_layer, std::span<const Message> received) {
  if (by_sums_) {
    for (const Message& message : received) add(message.values.values(), gradient_);
  } else if (scores_ > 0 && map_layer != kInput) {
    GRADCAM_CHECK_OK(enter_map(map_layer, received, false));
  }
  return gather_ == Gather::kGradients ? Result<void>() : take_means(map_layer);
}

/// From the gradients, or their sums over positions, to this member's contributions to their means.
Result<void> Member::take_means(std::size_t map_layer) {
  const Shape own = part_shape(map_layer, share().member);
  if (!by_sums_) {
    GRADCAM_TRY(gradient_, Tensor::zeros({scores_, own[2]}));
    for (std::size_t i = 0; i < scores_; ++i) {
      std::vector<double> sums(own[2]);
      const float* value = map_gradients_[i].data();
      for (std::size_t p = 0; p < own[0] * own[1]; ++p) {
        for (double& sum : sums) sum += double{*value++};
      }
      std::ranges::transform(sums, gradient_.data() + i * own[2],
                             [](double sum) { return static_cast<float>(sum); });
    }
    map_gradients_.clear();
  }
  const auto positions = static_cast<float>(own[1] * own[1]);  // of all members
  for (float& sum : gradient_.values()) sum /= positions;
  return {};
}

/// Of strips, every member contributes to the mean of every channel.
Result<void> Member::share_means(std::size_t map_layer, std::span<const Message> received) {
  if (!has_part(map_layer, share().member)) return {};
  GRADCAM_CHECK_OK(finish_gradients(map_layer, received));
  if (map_layer >= kStripLayers) return {};
  for (std::size_t member = 0; member < share().members; ++member) {
    if (member == share().member || !has_part(map_layer, member)) continue;
    GRADCAM_CHECK_OK(send(member, gradient_.values()));
  }
  return {};
}

/// The sums of this member's channels at its positions, weighted by the means: [scores, rows,
/// columns].
Result<Tensor> Member::weighted_sums(std::size_t map_layer) {
  const Shape own = part_shape(map_layer, share().member);
  const std::size_t positions = own[0] * own[1];
  GRADCAM_TRY(const auto values, own_map(map_layer));
  GRADCAM_TRY(Tensor result, Tensor::uninitialized({scores_, own[0], own[1]}));
  std::vector<double> sums(positions);
  for (std::size_t i = 0; i < scores_; ++i) {
    gradcam::weighted_sums(values.data(), positions, own[2], gradient_.data() + i * own[2],
                           sums.data());
    std::ranges::transform(sums, result.data() + i * positions,
                           [](double sum) { return static_cast<float>(sum); });
  }
  return result;
}

/// What all members have of a map layer, or of the input, before it is put there; of what all have
/// alike, that.
Result<Gathered> Member::room_for_gathered(std::size_t map_layer) const {
  Gathered gathered;
  const std::size_t side = part_shape(map_layer, 0)[1];
  const std::size_t channels = map_layer == kInput
                                   ? part_shape(map_layer, 0)[2]
                                   : model_.outputs(std::min(map_layer, kBlock5Conv3));
  const Shape whole = {side, side, channels};
  if (gather_ == Gather::kWeightedSums) {
    // Of A nothing is wanted.
  } else if (is_divided(map_layer)) {
    GRADCAM_TRY(gathered.activation, Tensor::uninitialized(whole));
  } else if (map_layer != kInput) {
    GRADCAM_TRY(gathered.activation, activations_.map(map_layer).clone());
  }
  for (std::size_t i = 0; i < scores_; ++i) {
    const Shape shape = gather_ == Gather::kGradients ? whole
                        : gather_ == Gather::kMeans   ? Shape{1, 1, channels}
                                                      : Shape{side, side};
    GRADCAM_TRY(Tensor gradient, Tensor::zeros(shape));
    gathered.gradients.push_back(std::move(gradient));
  }
  if (!ablated_.empty()) {
    GRADCAM_TRY(gathered.drops, Tensor::zeros(ablated_.shape()));
    gathered.channels = channels_;
  }
  return gathered;
}

/// Puts together what all members have of a map layer, or of the input.
Result<void> Member::gather(std::size_t map_layer, std::span<const Message> received) {
  GRADCAM_TRY(Gathered gathered, room_for_gathered(map_layer));
  const bool in_strips = map_layer < kStripLayers;
  const bool with_map = gather_ != Gather::kWeightedSums && is_divided(map_layer);
  auto next = received.begin();
  for (std::size_t member = 0; member < share().members; ++member) {
    auto own = own_parts_.cbegin();
    const auto take_next = [&]() -> std::span<const float> {
      return member == 0 ? (own++)->values() : (next++)->values.values();
    };
    if (has_part(map_layer, member)) {
      if (with_map) place(take_next(), map_layer, member, gathered.activation);
      std::span<const float> of_all;  // scores, where they come in one message
      if (gather_ != Gather::kGradients) of_all = take_next();
      for (std::size_t i = 0; i < scores_; ++i) {
        Tensor& gradient = gathered.gradients[i];
        if (gather_ == Gather::kGradients) {
          place(take_next(), map_layer, member, gradient);
          continue;
        }
        const std::size_t floats = of_all.size() / scores_;
        const auto values = of_all.subspan(i * floats, floats);
        if (gather_ == Gather::kMeans && !in_strips) {
          place(values, map_layer, member, gradient);
        } else if (gather_ == Gather::kWeightedSums && in_strips) {
          const std::size_t row = strip(member, pools_before(map_layer)).begin;
          std::ranges::copy(values, gradient.data() + row * gradient.dim(1));
        } else {
          add(values, gradient);
        }
      }
    }
    if (!ablated_.empty() && !part(kFc2, member).empty()) add(take_next(), gathered.drops);
  }
  gathered.request = std::move(request_);
  gathered_.push_back(std::move(gathered));
  own_parts_.clear();
  return {};
}

}  // namespace gradcam
