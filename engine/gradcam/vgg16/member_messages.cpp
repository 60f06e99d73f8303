#include <utility>

#include "gradcam/vgg16/member.h"
#include "gradcam/vgg16/member_parts.h"

namespace gradcam {

Result<void> Member::receive(std::size_t from, Tensor values) {
  if (from >= share().members || from == share().member) {
    return fail(ErrorCode::kInvalidArgument, "a message came from a member that does not exist");
  }
  inbox_[from].push_back(std::move(values));
  return {};
}

std::vector<Message> Member::take_messages() { return std::exchange(outbox_, {}); }

Result<void> Member::send(std::size_t to, std::span<const float> values) {
  GRADCAM_TRY(Tensor copy, Tensor::from({values.size()}, values));
  outbox_.push_back({to, std::move(copy)});
  return {};
}

Result<void> Member::send_to_others(std::span<const float> values) {
  if (values.empty()) return {};
  for (std::size_t member = 0; member < share().members; ++member) {
    if (member != share().member) GRADCAM_CHECK_OK(send(member, values));
  }
  return {};
}

/// What the next stage needs of others.
std::vector<Member::Expected> Member::expected() const {
  std::vector<Expected> list;
  const auto [work, layer] = stage();
  switch (work) {
    case Work::kForward:
      if (layer != first_) {
        expect_outputs(layer - 1, list);
      } else if (share().member != 0 && !strip_input(layer).empty()) {
        list.push_back({0, strip_input(layer).size()});
      }
      break;
    case Work::kBackward:
      if (layer < kStripLayers) {
        expect_border(layer, list);
      } else if (layer < kFc2) {
        expect_products(layer, list);
      }
      break;
    case Work::kShareBorder:
      if (layer + 1 == kStripLayers) expect_products(layer, list);
      break;
    case Work::kAblate:
      if (layer == kFc1) break;
      for (std::size_t member = 0; member < share().members; ++member) {
        const std::size_t floats = channels_.size() * part(kFc1, member).size();
        if (member != share().member && floats > 0) list.push_back({member, floats});
      }
      break;
    case Work::kParts:
      break;
    case Work::kSend:
      if (gather_ == Gather::kWeightedSums) {
        expect_means(layer, list);
        break;
      }
      [[fallthrough]];
    case Work::kShareMeans:
      if (scores_ > 0 && layer + 1 >= kStripLayers && layer != kInput) {
        expect_products(std::min(layer, kBlock5Conv3), list);
      }
      break;
    case Work::kGather:
      expect_gathered(layer, list);
      break;
  }
  return list;
}

/// What a member needs of a layer besides its own part: of the layers before block3_conv3 the rows
/// next to its strip, of the others everything.
void Member::expect_outputs(std::size_t layer, std::vector<Expected>& list) const {
  if (layer + 1 < kStripLayers) {
    if (strip(share().member).empty()) return;
    const Tensor& output = activations_.conv[layer];
    const Conv3x3Spec& next = model_.conv_[layer + 1].spec;
    if (next.pad_top == 0) list.push_back({above(), row_floats(output)});
    if (next.pad_bottom == 0) list.push_back({below(), row_floats(output)});
    return;
  }
  for (std::size_t member = 0; member < share().members; ++member) {
    const std::size_t floats = part_floats(layer, member);
    if (member != share().member && floats > 0) list.push_back({member, floats});
  }
}

/// The rows of the gradient at a layer's output that are next to this member's strip.
void Member::expect_border(std::size_t layer, std::vector<Expected>& list) const {
  if (strip(share().member).empty()) return;
  const Shape own = part_shape(layer, share().member);
  const Conv3x3Spec& spec = model_.conv_[layer].spec;
  if (spec.pad_top == 0) list.push_back({above(), own[1] * own[2], scores_});
  if (spec.pad_bottom == 0) list.push_back({below(), own[1] * own[2], scores_});
}

/// The others' contributions to the gradient at this member's part of a layer's output.
void Member::expect_products(std::size_t layer, std::vector<Expected>& list) const {
  const bool one_by_one = layer < kFc1 && !by_sums_;
  const std::size_t floats =
      one_by_one ? part_floats(layer, share().member) : scores_ * own_part(layer).size();
  for (std::size_t member = 0; member < share().members; ++member) {
    if (member != share().member && floats > 0 && !part(layer + 1, member).empty()) {
      list.push_back({member, floats, one_by_one ? scores_ : 1});
    }
  }
}

/// The others' contributions to the means of gradients at a layer that is cut into strips.
void Member::expect_means(std::size_t map_layer, std::vector<Expected>& list) const {
  if (map_layer >= kStripLayers || !has_part(map_layer, share().member)) return;
  for (std::size_t member = 0; member < share().members; ++member) {
    if (member == share().member || !has_part(map_layer, member)) continue;
    list.push_back({member, scores_ * part_shape(map_layer, member)[2]});
  }
}

/// The others' parts of what is gathered at a map layer, as send_gathered gives them.
void Member::expect_gathered(std::size_t map_layer, std::vector<Expected>& list) const {
  for (std::size_t member = 1; member < share().members; ++member) {
    const Shape shape = part_shape(map_layer, member);
    const std::size_t floats = shape[0] * shape[1] * shape[2];
    if (floats > 0 && gather_ == Gather::kWeightedSums) {
      list.push_back({member, scores_ * shape[0] * shape[1]});
    } else if (floats > 0) {
      if (is_divided(map_layer)) list.push_back({member, floats});
      if (gather_ == Gather::kMeans) list.push_back({member, scores_ * shape[2]});
      if (gather_ == Gather::kGradients && scores_ > 0) list.push_back({member, floats, scores_});
    }
    if (!ablated_.empty() && !part(kFc2, member).empty()) {
      list.push_back({member, ablated_.size()});
    }
  }
}

Result<std::vector<Message>> Member::take(const std::vector<Expected>& list) {
  std::vector<Message> taken;
  for (const auto [member, floats, messages] : list) {
    std::vector<Tensor>& queue = inbox_[member];
    for (std::size_t i = 0; i < messages; ++i) {
      Tensor values = std::move(queue.front());
      queue.erase(queue.begin());
      if (values.size() != floats) {
        return fail(ErrorCode::kInvalidArgument, "a message of another member has the wrong size");
      }
      taken.push_back({member, std::move(values)});
    }
  }
  return taken;
}

}  // namespace gradcam
