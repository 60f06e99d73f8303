#include "vgg16/member.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "kernels/max_pool2x2.h"
#include "kernels/weighted_sum.h"
#include "layers/conv2d.h"
#include "layers/max_pool.h"
#include "layers/relu.h"

namespace gradcam {
namespace {

constexpr std::size_t kLastConv = kConvLayers - 1;
constexpr std::size_t kFc1 = kConvLayers;
constexpr std::size_t kFc2 = kFc1 + 1;
constexpr std::size_t kPredictions = kFc1 + 2;

/// Max-pools between the input and the input of block4_conv1.
constexpr std::size_t kStripPools = 3;

/// Floats of a row of [H, W, C].
std::size_t row_floats(const Tensor& map) { return map.dim(1) * map.dim(2); }

/// Copies part [rows, range] into the columns `range` of the matrix whole [rows, columns].
void set_columns(std::span<const float> part, Range range, std::size_t columns, Tensor& whole) {
  if (range.empty()) return;
  float* target = whole.data() + range.begin;
  for (; !part.empty(); part = part.subspan(range.size())) {
    std::copy_n(part.data(), range.size(), target);
    target += columns;
  }
}

/// The columns `range` of the matrix whole [..., columns].
Result<Tensor> get_columns(const Tensor& whole, Range range) {
  Shape shape = whole.shape();
  const std::size_t columns = std::exchange(shape.back(), range.size());
  GRADCAM_TRY(Tensor part, Tensor::uninitialized(shape));
  if (range.empty()) return part;
  const float* source = whole.data() + range.begin;
  for (std::size_t i = 0; i < part.size(); i += range.size()) {
    std::copy_n(source, range.size(), part.data() + i);
    source += columns;
  }
  return part;
}

void add(std::span<const float> values, Tensor& sum) {
  std::ranges::transform(values, sum.values(), sum.data(), std::plus<float>());
}

/// Max-pools in front of a map layer.
std::size_t pools_before(std::size_t map_layer) {
  if (map_layer == kInput) return 0;
  return static_cast<std::size_t>(std::count(
      kEndsBlock.begin(), kEndsBlock.begin() + static_cast<std::ptrdiff_t>(map_layer), true));
}

/// Whether members have only a part each of a map layer's output before pooling.
bool is_divided(std::size_t map_layer) {
  return map_layer < kStripLayers || (map_layer < kConvLayers && kEndsBlock[map_layer]);
}

}  // namespace

Result<Member> Member::create(Vgg16 model) {
  Member member(std::move(model));
  GRADCAM_TRY(member.activations_, member.model_.make_activations());
  const Range rows = member.strip(member.share().member);
  const Conv3x3Spec& spec = member.model_.conv_.front().spec;
  const std::size_t next_to_it = rows.empty() ? 0 : 2 - spec.pad_top - spec.pad_bottom;
  const auto size = static_cast<std::size_t>(member.model_.info().preprocess.size);
  GRADCAM_TRY(member.input_, Tensor::zeros({rows.size() + next_to_it, size, 3}));
  return member;
}

Result<void> Member::use_head(const Head* head) {
  GRADCAM_CHECK_OK(model_.use_head(head));
  forget();
  GRADCAM_TRY(activations_.logits, Tensor::zeros({model_.classes()}));
  return {};
}

// --- Who has what

Range Member::strip(std::size_t member, std::size_t pools) const {
  return own_rows(static_cast<std::size_t>(model_.info().preprocess.size), share_of(member), pools);
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

const Dense& Member::dense(std::size_t layer) const {
  return layer == kFc1 ? model_.fc1_ : layer == kFc2 ? model_.fc2_ : model_.predictions_;
}

/// The shape of a member's part of a map layer's output before pooling, or of the input.
Shape Member::part_shape(std::size_t map_layer, std::size_t member) const {
  const std::size_t pools = pools_before(map_layer);
  const std::size_t side = static_cast<std::size_t>(model_.info().preprocess.size) >> pools;
  if (map_layer == kInput) return {strip(member).size(), side, model_.conv_[0].spec.in_channels};
  const std::size_t conv = std::min(map_layer, kLastConv);
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
  const std::size_t side = static_cast<std::size_t>(model_.info().preprocess.size) >> pools;
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
    const std::size_t conv = std::min(map_layer, kLastConv);
    set_columns(values, part(conv, member), model_.outputs(conv), whole);
  }
}

/// What all members get of a layer.
const Tensor& Member::output(std::size_t layer) const {
  switch (layer) {
    case kLastConv:
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
}

Result<void> Member::begin_forward(const Tensor* input, const Outlook& outlook) {
  const auto size = static_cast<std::size_t>(model_.info().preprocess.size);
  if (input != nullptr && input->shape() != Shape{size, size, 3}) {
    return fail(ErrorCode::kInvalidArgument,
                "the network cannot take an input of shape " + to_string(input->shape()));
  }
  return begin_at(0, input, outlook);
}

Result<void> Member::begin_forward_from(std::size_t layer, const Tensor* map) {
  if (layer >= kLastConv) {
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
  stages_.push_back({Work::kEnd, kPredictions});
  return {};
}

Result<void> Member::check_classified() const {
  if (is_classified_ && is_idle()) return {};
  return fail(ErrorCode::kInvalidArgument, "a forward pass has to be finished first");
}

Result<void> Member::check_request(const GradientRequest& request) const {
  const Tensor& seeds = request.seeds;
  if (seeds.rank() == 2 && seeds.dim(1) == model_.classes() && request.layer <= kInput) return {};
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

Result<void> Member::begin_next_request() {
  stages_.clear();
  next_ = 0;
  if (requests_.empty()) return {};
  const auto [seeds, layer, gather, rule] = std::move(requests_.back());
  requests_.pop_back();
  scores_ = seeds.dim(0);
  gather_ = scores_ > 0 && layer != kInput ? gather : Gather::kGradients;
  by_sums_ = gather_ != Gather::kGradients && layer >= kBlock5Conv3;
  rule_ = rule;
  GRADCAM_TRY(gradient_, cut(seeds, kPredictions, share().member));
  map_gradients_.clear();
  ablated_ = {};
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
  stages_ = {{Work::kBackward, kPredictions},
             {Work::kAblate, kFc1},
             {Work::kAblate, kFc2},
             {Work::kSend, layer}};
  if (share().member == 0) stages_.push_back({Work::kGather, layer});
  return {};
}

// --- Messages

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
    case Work::kEnd:
      expect_outputs(layer, list);
      break;
    case Work::kBackward:
      if (layer < kStripLayers) {
        expect_border(layer, list);
      } else if (layer != kPredictions) {
        expect_products(layer, list);
      }
      break;
    case Work::kShareBorder:
      if (layer + 1 == kStripLayers) expect_products(layer, list);
      break;
    case Work::kAblate:
      if (layer == kFc1) {
        expect_products(kFc2, list);
        break;
      }
      for (std::size_t member = 0; member < share().members; ++member) {
        const std::size_t floats = channels_.size() * part(kFc1, member).size();
        if (member != share().member && floats > 0) list.push_back({member, floats});
      }
      break;
    case Work::kSend:
      if (gather_ == Gather::kWeightedSums) {
        expect_means(layer, list);
        break;
      }
      [[fallthrough]];
    case Work::kShareMeans:
      if (scores_ > 0 && layer + 1 >= kStripLayers && layer != kInput) {
        expect_products(std::min(layer, kLastConv), list);
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
    const std::size_t row = row_floats(activations_.conv[layer]);
    if (strip(share().member).empty()) return;
    const Conv3x3Spec& next = model_.conv_[layer + 1].spec;
    if (next.pad_top == 0) list.push_back({above(), row});
    if (next.pad_bottom == 0) list.push_back({below(), row});
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

// --- Computing

Progress Member::progress() const {
  if (is_idle()) return Progress::kDone;
  std::array<std::size_t, kMaxMembers> missing = {};
  for (const Expected& e : expected()) {
    missing[e.member] += e.messages;
    if (missing[e.member] > inbox_[e.member].size()) return Progress::kWaiting;
  }
  return Progress::kReady;
}

Result<Progress> Member::step() {
  if (const Progress now = progress(); now != Progress::kReady) return now;
  auto received = take(expected());
  Result<void> status = received ? run_stage(*received) : std::unexpected(received.error());
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
    case Work::kEnd:
      take_outputs(layer, received);
      is_classified_ = true;
      return Vgg16::check_finite(activations_.logits);
    case Work::kBackward:
      if (layer < kStripLayers) return backward_strip(layer, received);
      return layer < kConvLayers ? backward_channels(layer, received)
                                 : backward_dense(layer, received);
    case Work::kShareBorder:
      return share_border(layer, received);
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
  if (is_last) return send_to_others(own);
  if (next.pad_top == 0) GRADCAM_CHECK_OK(send(above(), own.first(row)));
  if (next.pad_bottom == 0) GRADCAM_CHECK_OK(send(below(), own.last(row)));
  return {};
}

/// A convolution of block 4 or 5, of this member's channels.
Result<void> Member::forward_channels(std::size_t layer) {
  const Vgg16::Conv& conv = model_.conv_[layer];
  if (conv.kernel == nullptr) return {};
  const Tensor& x = activations_.conv[layer - 1];
  Tensor& y = activations_.conv[layer];
  const std::size_t outputs = model_.outputs(layer);
  const Range own = own_part(layer);
  const bool is_last = layer == kLastConv;
  // All the channels go where they belong at once, and so do those that stay at their member.
  const bool in_place = is_last || own.size() == outputs;
  Tensor slice;
  if (!in_place) {
    GRADCAM_TRY(slice, Tensor::uninitialized({y.dim(0), y.dim(1), own.size()}));
  }
  GRADCAM_CHECK_OK(convolve(layer, x, in_place ? y.data() : slice.data()));
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

/// The rows of a dense layer that are this member's.
Result<void> Member::forward_dense(std::size_t layer) {
  GRADCAM_TRY(Tensor slice, Tensor::zeros({own_part(layer).size()}));
  if (layer == kFc1 && outlook_.ablation) {
    GRADCAM_TRY(fc1_parts_, dense(kFc1).forward_by_channels(activations_.block5_pool));
    const std::size_t columns = fc1_parts_.dim(1);
    for (std::size_t o = 0; o < slice.size(); ++o) {
      slice.data()[o] = fc1_parts_.data()[(o + 1) * columns - 1];
    }
  } else {
    GRADCAM_CHECK_OK(dense(layer).forward(output(layer - 1), slice));
  }
  if (layer != kPredictions) relu_forward(slice.values());
  set_columns(slice.values(), own_part(layer), model_.outputs(layer), output(layer));
  return send_to_others(slice.values());
}

// --- Backward

/// From the gradient at this member's outputs of a layer to its contribution to that at the
/// layer's inputs. Where only means are wanted of block5_pool, sums over its positions.
Result<void> Member::backward_dense(std::size_t layer, std::span<const Message> received) {
  for (const Message& message : received) add(message.values.values(), gradient_);
  if (layer != kPredictions) {
    const Range own = own_part(layer);
    const auto outputs = output(layer).values().subspan(own.begin, own.size());
    for (std::size_t row = 0; row < scores_; ++row) {
      relu_backward(outputs, gradient_.values().subspan(row * own.size(), own.size()), rule_);
    }
  }
  const Dense& weights = layer == kFc1 && by_sums_ ? model_.fc1_sums_ : dense(layer);
  GRADCAM_TRY(const Tensor product, weights.backward(gradient_));
  if (layer != kFc1 || by_sums_) {
    GRADCAM_TRY(gradient_, hand_out(product, layer));
    return {};
  }
  const Tensor& pool = activations_.block5_pool;
  for (std::size_t row = 0; row < scores_; ++row) {
    GRADCAM_TRY(const Tensor one, Tensor::from(pool.shape(), product.values().subspan(
                                                                 row * pool.size(), pool.size())));
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
      relu_backward(outputs, gradient.values(), rule_);
      continue;
    }
    if (through_relu && rule_ == ReluRule::kGuided) relu_forward(gradient.values());
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
  GRADCAM_TRY(own_map_, cut(map, is_pool ? kLastConv : layer, share().member));
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
    for (const Message& message : received) add(message.values.values(), gradient_);
    if (fc1_parts_.empty()) {
      GRADCAM_TRY(fc1_parts_, dense(kFc1).forward_by_channels(activations_.block5_pool));
    }
    GRADCAM_TRY(const Tensor own, relu_changes(fc1_parts_, channels_));
    GRADCAM_CHECK_OK(send_to_others(own.values()));
    GRADCAM_TRY(ablated_, Tensor::zeros({model_.outputs(kFc1), channels_.size()}));
    put(own.values(), share().member);
    return {};
  }
  for (const auto& [from, values] : received) put(values.values(), from);
  GRADCAM_TRY(ablated_, dense(kFc2).relu_score_changes(activations_.fc1, ablated_, gradient_));
  for (float& drop : ablated_.values()) drop = -drop;
  scores_ = 0;  // their gradient goes no farther
  return {};
}

// --- Gathering

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

/// Puts together what all members have of a map layer, or of the input.
Result<void> Member::gather(std::size_t map_layer, std::span<const Message> received) {
  Gathered gathered;
  const std::size_t side = part_shape(map_layer, 0)[1];
  const std::size_t channels = map_layer == kInput ? part_shape(map_layer, 0)[2]
                                                   : model_.outputs(std::min(map_layer, kLastConv));
  const bool in_strips = map_layer < kStripLayers;
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
  }
  auto next = received.begin();
  for (std::size_t member = 0; member < share().members; ++member) {
    auto own = own_parts_.cbegin();
    const auto take_next = [&]() -> std::span<const float> {
      return member == 0 ? (own++)->values() : (next++)->values.values();
    };
    if (has_part(map_layer, member)) {
      const bool with_map = gather_ != Gather::kWeightedSums && is_divided(map_layer);
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
          std::ranges::copy(values, gradient.data() + row * side);
        } else {
          add(values, gradient);
        }
      }
    }
    if (!ablated_.empty() && !part(kFc2, member).empty()) add(take_next(), gathered.drops);
  }
  gathered_.push_back(std::move(gathered));
  own_parts_.clear();
  return {};
}

}  // namespace gradcam
