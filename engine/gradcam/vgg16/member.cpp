#include "gradcam/vgg16/member.h"

#include <algorithm>
#include <string>
#include <utility>

#include "gradcam/layers/max_pool.h"
#include "gradcam/vgg16/member_parts.h"

namespace gradcam {

Result<Member> Member::create(Vgg16 model) {
  Member member(std::move(model));
  GRADCAM_TRY(member.activations_, member.model_.make_activations(!member.frees_maps()));
  const Range rows = member.strip(member.share().member);
  const Conv3x3Spec& spec = member.model_.conv_.front().spec;
  const std::size_t next_to_it = rows.empty() ? 0 : 2 - spec.pad_top - spec.pad_bottom;
  const std::size_t side = member.model_.info().side();
  GRADCAM_TRY(member.input_, Tensor::zeros({rows.size() + next_to_it, side, 3}));
  return member;
}

Result<void> Member::use_head(const Head* head) {
  GRADCAM_CHECK_OK(model_.use_head(head));
  forget();
  GRADCAM_TRY(activations_.logits, Tensor::zeros({model_.logits()}));
  return {};
}

// --- Who has what

Range Member::strip(std::size_t member, std::size_t pools) const {
  return own_rows(model_.info().side(), share_of(member), pools);
}

/// The member whose strip ends where this one's begins; there is one if the strip is not padded.
std::size_t Member::above() const {
  std::size_t member = share().member - 1;
  while (strip(member).empty()) --member;
  return member;
}

std::size_t Member::below() const {
  std::size_t member = share().member + 1;
  while (strip(member).empty()) ++member;
  return member;
}

/// All of this member's rows of a dense layer, or those of fc1 that were read last.
Member::Rows Member::rows_at_hand(std::size_t layer) const {
  if (layer == kFc1 && fc1_rows_) {
    return {*fc1_rows_, {fc1_rows_done_, fc1_rows_done_ + fc1_rows_->outputs()}};
  }
  if (layer == kPredictions) return {model_.predictions_, {0, model_.logits()}};
  return {layer == kFc1 ? model_.fc1_ : model_.fc2_, own_part(layer)};
}

/// The fc1 in the file, if the next stage takes the rows of one; or null.
const Fc1InFile* Member::fc1_to_read() const {
  if (is_idle() || !model_.fc1_in_file_) return nullptr;
  const auto [work, layer] = stage();
  const bool takes_rows =
      work == Work::kForward || work == Work::kParts || (work == Work::kBackward && !by_sums_);
  return layer == kFc1 && takes_rows ? &*model_.fc1_in_file_ : nullptr;
}

/// Allocates the output of a convolution, if it was freed.
Result<void> Member::make_room(std::size_t conv) {
  Tensor& y = activations_.conv[conv];
  if (!y.empty() || !frees_maps()) return {};
  const std::size_t side = model_.info().side(pools_before(std::min(conv + 1, kBlock5Conv3)));
  GRADCAM_TRY(y, Tensor::uninitialized({side, side, model_.outputs(conv)}));
  return {};
}

/// Frees what a convolution was made of, if nothing else will need it.
void Member::free_input(std::size_t conv) {
  if (frees_maps() && conv > 0 && conv - 1 < outlook_.layer) activations_.conv[conv - 1] = {};
}

/// The shape of a member's part of a map layer's output before pooling, or of the input.
Shape Member::part_shape(std::size_t map_layer, std::size_t member) const {
  const std::size_t pools = pools_before(map_layer);
  const std::size_t side = model_.info().side(pools);
  if (map_layer == kInput) return {strip(member).size(), side, model_.conv_[0].spec.in_channels};
  const std::size_t conv = std::min(map_layer, kBlock5Conv3);
  if (map_layer < kStripLayers) return {strip(member, pools).size(), side, model_.outputs(conv)};
  return {side, side, part(conv, member).size()};
}

bool Member::has_part(std::size_t map_layer, std::size_t member) const {
  const Shape shape = part_shape(map_layer, member);
  return shape[0] * shape[1] * shape[2] > 0;
}

/// The rows of a convolution's input that a member needs: of a strip, also those next to it.
Range Member::input_rows(std::size_t conv, std::size_t member) const {
  const std::size_t pools = pools_before(conv);
  const std::size_t side = model_.info().side(pools);
  if (conv >= kStripLayers) return {.begin = 0, .end = side};
  Range rows = strip(member, pools);
  if (rows.empty()) return rows;
  if (rows.begin > 0) --rows.begin;
  if (rows.end < side) ++rows.end;
  return rows;
}

/// Floats of a member's part of what all members get of a layer.
std::size_t Member::part_floats(std::size_t layer, std::size_t member) const {
  const Tensor& whole = output(layer);
  if (layer < kStripLayers) return strip(member, kStripPools).size() * row_floats(whole);
  return whole.size() / model_.outputs(layer) * part(layer, member).size();
}

/// A member's part of something of the shape of what all members get of a layer, or of a batch of
/// that.
Result<Tensor> Member::cut(const Tensor& whole, std::size_t layer, std::size_t member) const {
  if (layer >= kStripLayers) return get_columns(whole, part(layer, member));
  const Range rows = strip(member, kStripPools);
  const std::size_t row = row_floats(whole);
  return Tensor::from({rows.size(), whole.dim(1), whole.dim(2)},
                      whole.values().subspan(rows.begin * row, rows.size() * row));
}

/// Puts a member's part of a map layer's output before pooling, or of the input, where it belongs.
void Member::place(std::span<const float> values, std::size_t map_layer, std::size_t member,
                   Tensor& whole) const {
  if (map_layer < kStripLayers || map_layer == kInput) {
    const std::size_t row = strip(member, pools_before(map_layer)).begin;
    std::ranges::copy(values, whole.data() + row * row_floats(whole));
  } else {
    const std::size_t conv = std::min(map_layer, kBlock5Conv3);
    set_columns(values, part(conv, member), model_.outputs(conv), whole);
  }
}

/// What all members get of a layer.
const Tensor& Member::output(std::size_t layer) const {
  switch (layer) {
    case kBlock5Conv3:
      return activations_.block5_pool;
    case kFc1:
      return activations_.fc1;
    case kFc2:
      return activations_.fc2;
    case kPredictions:
      return activations_.logits;
    default:
      return activations_.conv[layer];
  }
}

// --- Beginning

void Member::forget() {
  for (std::vector<Tensor>& messages : inbox_) messages.clear();
  outbox_.clear();
  requests_.clear();
  gathered_.clear();
  is_classified_ = false;
  stages_.clear();
  next_ = 0;
  fc1_rows_.reset();
  fc1_rows_done_ = 0;
  fc1_product_ = {};
}

Result<void> Member::begin_forward(const Tensor* input, const Outlook& outlook) {
  if (input != nullptr) GRADCAM_CHECK_OK(model_.check_input(*input));
  return begin_at(0, input, outlook);
}

Result<void> Member::begin_forward_from(std::size_t layer, const Tensor* map) {
  if (layer >= kBlock5Conv3) {
    return fail(ErrorCode::kInvalidArgument,
                "a forward pass does not begin behind the last convolution");
  }
  if (map == nullptr) return begin_at(layer + 1, nullptr, {});
  const std::size_t side = part_shape(layer, 0)[1];
  if (map->shape() != Shape{side, side, model_.outputs(layer)}) {
    return fail(ErrorCode::kInvalidArgument, "the network cannot go on from an output of shape " +
                                                 to_string(map->shape()) + " at map layer " +
                                                 std::to_string(layer));
  }
  if (!kEndsBlock[layer]) return begin_at(layer + 1, map, {});
  GRADCAM_TRY(Tensor pooled, Tensor::zeros({side / 2, side / 2, map->dim(2)}));
  GRADCAM_CHECK_OK(max_pool_forward(*map, pooled));
  return begin_at(layer + 1, &pooled, {});
}

/// Begins with a convolution, of whose input x every member is sent the rows that it needs.
Result<void> Member::begin_at(std::size_t conv, const Tensor* x, const Outlook& outlook) {
  forget();
  activations_.unpooled = {};
  fc1_parts_ = {};
  outlook_ = outlook;
  first_ = conv;
  if ((share().member == 0) != (x != nullptr)) {
    return fail(ErrorCode::kInvalidArgument, "member 0, and no other, takes the input");
  }
  if (x != nullptr) {
    if (conv > 0) GRADCAM_CHECK_OK(make_room(conv - 1));
    const std::size_t row = row_floats(*x);
    for (std::size_t member = 0; member < share().members; ++member) {
      const Range rows = input_rows(conv, member);
      const auto values = x->values().subspan(rows.begin * row, rows.size() * row);
      if (member == 0) {
        std::ranges::copy(values, strip_input(conv).data());
      } else if (!rows.empty()) {
        GRADCAM_CHECK_OK(send(member, values));
      }
    }
  }
  for (std::size_t layer = conv; layer <= kPredictions; ++layer) {
    stages_.push_back({Work::kForward, layer});
  }
  return {};
}

Result<void> Member::check_classified() const {
  if (is_classified_ && is_idle()) return {};
  return fail(ErrorCode::kInvalidArgument, "a forward pass has to be finished first");
}

Result<void> Member::check_request(const GradientRequest& request) const {
  const Tensor& seeds = request.seeds;
  if (seeds.rank() == 2 && seeds.dim(1) == model_.logits() && request.layer <= kInput) return {};
  return fail(ErrorCode::kInvalidArgument, "there are no gradients for seeds of shape " +
                                               to_string(seeds.shape()) + " at map layer " +
                                               std::to_string(request.layer));
}

Result<void> Member::begin_gradients(std::vector<GradientRequest> requests) {
  GRADCAM_CHECK_OK(check_classified());
  for (const GradientRequest& request : requests) GRADCAM_CHECK_OK(check_request(request));
  gathered_.clear();
  requests_ = std::move(requests);
  std::ranges::reverse(requests_);
  return begin_next_request();
}

/// Begins to compute anew the outputs of convolutions that were freed and are needed for gradients
/// at a map layer.
Result<void> Member::recall_maps(std::size_t map_layer) {
  const std::size_t first = map_layer == kInput ? 0 : map_layer;
  if (!frees_maps() || first >= std::min(outlook_.layer, kBlock5Conv3)) return {};
  if (first_ > 0) {
    return fail(ErrorCode::kInvalidArgument,
                "there are no gradients there after a part of a forward pass");
  }
  outlook_.layer = first;
  for (std::size_t conv = 0; conv < kConvLayers; ++conv) {
    stages_.push_back({Work::kForward, conv});
  }
  return {};
}

Result<void> Member::begin_next_request() {
  stages_.clear();
  next_ = 0;
  if (requests_.empty()) return {};
  request_ = std::move(requests_.back());
  requests_.pop_back();
  const std::size_t layer = request_.layer;
  scores_ = request_.seeds.dim(0);
  gather_ = scores_ > 0 && layer != kInput ? request_.gather : Gather::kGradients;
  by_sums_ = gather_ != Gather::kGradients && layer >= kBlock5Conv3;
  // Through block5_conv3's ReLU nothing goes where it gave zero.
  only_live_ = request_.as_factor || layer < kBlock5Conv3 || layer == kInput;
  GRADCAM_TRY(gradient_, request_.seeds.clone());
  map_gradients_.clear();
  ablated_ = {};
  GRADCAM_CHECK_OK(recall_maps(layer));
  for (std::size_t from = kPredictions; from >= kFc1 && scores_ > 0; --from) {
    stages_.push_back({Work::kBackward, from});
  }
  const std::size_t end = layer == kInput ? 0 : layer + 1;
  for (std::size_t from = kConvLayers; from > end && scores_ > 0;) {
    --from;
    if (from < kStripLayers) stages_.push_back({Work::kShareBorder, from});
    stages_.push_back({Work::kBackward, from});
  }
  if (gather_ == Gather::kWeightedSums) stages_.push_back({Work::kShareMeans, layer});
  stages_.push_back({Work::kSend, layer});
  if (share().member == 0) stages_.push_back({Work::kGather, layer});
  return {};
}

Result<void> Member::begin_ablation(GradientRequest request, std::vector<std::size_t> channels) {
  const std::size_t layer = request.layer;
  if (layer != kBlock5Conv3 && layer != kBlock5Pool) {
    return fail(ErrorCode::kInvalidArgument, "channels are ablated at the end of block 5 only");
  }
  request.gather = Gather::kGradients;
  std::vector<GradientRequest> requests;
  requests.push_back(std::move(request));
  GRADCAM_CHECK_OK(begin_gradients(std::move(requests)));
  channels_ = std::move(channels);
  stages_.clear();
  if (!outlook_.ablation) stages_.push_back({Work::kParts, kFc1});
  outlook_.ablation = true;
  stages_.push_back({Work::kBackward, kPredictions});
  stages_.push_back({Work::kAblate, kFc1});
  stages_.push_back({Work::kAblate, kFc2});
  stages_.push_back({Work::kSend, layer});
  if (share().member == 0) stages_.push_back({Work::kGather, layer});
  return {};
}

// --- Computing

Progress Member::progress() const {
  if (is_idle()) return Progress::kDone;
  std::array<std::size_t, kMaxMembers> missing = {};
  for (const Expected& e : expected()) {
    missing[e.member] += e.messages;
    if (missing[e.member] > inbox_[e.member].size()) return Progress::kWaiting;
  }
  return fc1_to_read() != nullptr && !fc1_rows_ ? Progress::kReading : Progress::kReady;
}

Member::Unread Member::unread() const {
  const Fc1InFile* fc1 = fc1_to_read();
  if (fc1 == nullptr) return {};
  return {{fc1->weight.begin + fc1_rows_done_ * fc1->row_bytes, fc1->weight.end}, fc1->row_bytes};
}

Result<void> Member::read(std::span<const std::uint8_t> bytes) {
  const Fc1InFile* fc1 = fc1_to_read();
  if (fc1 == nullptr || progress() != Progress::kReading) {
    return fail(ErrorCode::kInvalidArgument, "no rows of fc1 are to be read");
  }
  GRADCAM_TRY(fc1_rows_, fc1->rows(fc1_rows_done_, bytes));
  return {};
}

Result<Progress> Member::step() {
  if (const Progress now = progress(); now != Progress::kReady) return now;
  auto received = take(expected());
  Result<void> status = received ? run_stage(*received) : std::unexpected(received.error());
  if (const auto rows = std::exchange(fc1_rows_, {})) {
    fc1_rows_done_ += rows->outputs();
    if (status && fc1_rows_done_ < model_.outputs(kFc1)) return progress();
    fc1_rows_done_ = 0;
  }
  ++next_;
  if (status && is_idle()) status = begin_next_request();
  if (!status) {
    forget();
    return std::unexpected(status.error());
  }
  return progress();
}

Result<void> Member::run_stage(std::span<const Message> received) {
  const auto [work, layer] = stage();
  switch (work) {
    case Work::kForward:
      if (layer == first_) {
        for (const Message& message : received) {
          std::ranges::copy(message.values.values(), strip_input(layer).data());
        }
      } else {
        take_outputs(layer - 1, received);
      }
      if (layer < kStripLayers) return forward_strip(layer);
      return layer < kConvLayers ? forward_channels(layer) : forward_dense(layer);
    case Work::kBackward:
      if (layer < kStripLayers) return backward_strip(layer, received);
      return layer < kConvLayers ? backward_channels(layer, received)
                                 : backward_dense(layer, received);
    case Work::kShareBorder:
      return share_border(layer, received);
    case Work::kParts:
      return add_fc1_parts();
    case Work::kAblate:
      return ablate(layer, received);
    case Work::kShareMeans:
      return share_means(layer, received);
    case Work::kSend:
      return send_gathered(layer, received);
    case Work::kGather:
      return gather(layer, received);
  }
  return {};
}

}  // namespace gradcam
