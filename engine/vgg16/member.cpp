#include "vgg16/member.h"

#include <algorithm>
#include <functional>
#include <string>

#include "kernels/max_pool2x2.h"
#include "kernels/weighted_sum.h"
#include "layers/relu.h"

namespace gradcam {
namespace {

constexpr std::size_t kLastConv = kConvLayers - 1;
constexpr std::size_t kFc1 = kConvLayers;
constexpr std::size_t kFc2 = kFc1 + 1;
constexpr std::size_t kPredictions = kFc1 + 2;

// Stages 0 to 15 are the layers of the forward pass. Those that follow:
constexpr std::size_t kLogits = kPredictions + 1;  // all of them are here
constexpr std::size_t kBackwardPredictions = kLogits + 1;
constexpr std::size_t kBackwardFc2 = kBackwardPredictions + 1;
constexpr std::size_t kBackwardFc1 = kBackwardPredictions + 2;
constexpr std::size_t kOwnMaps = kBackwardPredictions + 3;  // the sum over this member's channels
constexpr std::size_t kAllMaps = kOwnMaps + 1;              // at member 0: over all members

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

/// The columns `range` of a matrix [rows, columns].
Result<Tensor> get_columns(const Tensor& whole, Range range) {
  const std::size_t rows = whole.dim(0);
  GRADCAM_TRY(Tensor part, Tensor::zeros({rows, range.size()}));
  for (std::size_t row = 0; row < rows; ++row) {
    std::copy_n(whole.data() + row * whole.dim(1) + range.begin, range.size(),
                part.data() + row * range.size());
  }
  return part;
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
  is_classified_ = false;
  stage_ = end_ = 0;
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

Result<void> Member::begin_forward(const Tensor* input) {
  activations_.unpooled = {};
  for (std::vector<Tensor>& messages : inbox_) messages.clear();
  outbox_.clear();
  raw_maps_.clear();
  is_classified_ = false;
  stage_ = end_ = 0;
  if ((share().member == 0) != (input != nullptr)) {
    return fail(ErrorCode::kInvalidArgument, "member 0, and no other, takes the input");
  }
  if (input != nullptr) {
    const auto size = static_cast<std::size_t>(model_.info().preprocess.size);
    if (input->shape() != Shape{size, size, 3}) {
      return fail(ErrorCode::kInvalidArgument,
                  "the network cannot take an input of shape " + to_string(input->shape()));
    }
    const std::size_t row = row_floats(*input);
    for (std::size_t member = 0; member < share().members; ++member) {
      Range rows = strip(member);
      if (rows.empty()) continue;
      if (rows.begin > 0) --rows.begin;
      if (rows.end < size) ++rows.end;
      const auto values = input->values().subspan(rows.begin * row, rows.size() * row);
      if (member == 0) {
        std::ranges::copy(values, input_.data());
      } else {
        GRADCAM_CHECK_OK(send(member, values));
      }
    }
  }
  end_ = kLogits + 1;
  return {};
}

Result<void> Member::begin_explain(std::span<const std::size_t> classes) {
  if (!is_classified_ || stage_ != end_) {
    return fail(ErrorCode::kInvalidArgument, "a forward pass has to be finished first");
  }
  GRADCAM_TRY(gradient_, model_.seed(classes, own_part(kPredictions)));
  classes_.assign(classes.begin(), classes.end());
  raw_maps_.clear();
  stage_ = kBackwardPredictions;
  end_ = (share().member == 0 ? kAllMaps : kOwnMaps) + 1;
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
  const bool has_strip = !strip(share().member).empty();
  if (stage_ == 0) {
    if (share().member != 0 && has_strip) list.push_back({0, input_.size()});
  } else if (stage_ < kStripLayers) {
    const Conv3x3Spec& spec = model_.conv_[stage_].spec;
    const std::size_t row = row_floats(activations_.conv[stage_ - 1]);
    if (has_strip && spec.pad_top == 0) list.push_back({above(), row});
    if (has_strip && spec.pad_bottom == 0) list.push_back({below(), row});
  } else if (stage_ <= kLogits) {
    expect_outputs(stage_ - 1, list);
  } else if (stage_ == kBackwardFc2) {
    expect_sums(kPredictions, list);
  } else if (stage_ == kBackwardFc1) {
    expect_sums(kFc2, list);
  } else if (stage_ == kOwnMaps) {
    expect_sums(kFc1, list);
  } else if (stage_ == kAllMaps) {
    for (std::size_t member = 1; member < share().members; ++member) {
      if (!part(kLastConv, member).empty()) list.push_back({member, raw_maps_.size()});
    }
  }
  return list;
}

/// The outputs of a layer that are others', which end on all members.
void Member::expect_outputs(std::size_t layer, std::vector<Expected>& list) const {
  for (std::size_t member = 0; member < share().members; ++member) {
    std::size_t floats = 0;
    if (layer < kStripLayers) {
      floats = strip(member, kStripPools).size() * row_floats(activations_.conv[layer]);
    } else {
      const Tensor& whole = output(layer);
      floats = whole.size() / model_.outputs(layer) * part(layer, member).size();
    }
    if (member != share().member && floats > 0) list.push_back({member, floats});
  }
}

/// The others' contributions to the gradient at this member's part of what enters a layer.
void Member::expect_sums(std::size_t layer, std::vector<Expected>& list) const {
  const std::size_t floats = classes_.size() * own_part(layer - 1).size();
  for (std::size_t member = 0; member < share().members; ++member) {
    if (member != share().member && floats > 0 && !part(layer, member).empty()) {
      list.push_back({member, floats});
    }
  }
}

bool Member::is_here(const Expected& message) const { return !inbox_[message.member].empty(); }

Result<std::vector<Message>> Member::take(const std::vector<Expected>& messages) {
  std::vector<Message> taken;
  for (const auto [member, floats] : messages) {
    std::vector<Tensor>& queue = inbox_[member];
    Tensor values = std::move(queue.front());
    queue.erase(queue.begin());
    if (values.size() != floats) {
      return fail(ErrorCode::kInvalidArgument, "a message of another member has the wrong size");
    }
    taken.push_back({member, std::move(values)});
  }
  return taken;
}

// --- Computing

Progress Member::progress() const {
  if (stage_ == end_) return Progress::kDone;
  return std::ranges::all_of(expected(), [&](const Expected& e) { return is_here(e); })
             ? Progress::kReady
             : Progress::kWaiting;
}

Result<Progress> Member::step() {
  if (const Progress now = progress(); now != Progress::kReady) return now;
  const std::size_t stage = stage_;
  const std::vector<Expected> messages = expected();
  auto received = take(messages);
  Result<void> status = received ? run_stage(*received) : std::unexpected(received.error());
  if (!status) {
    is_classified_ = false;
    stage_ = end_;
    return std::unexpected(status.error());
  }
  stage_ = stage + 1;
  return progress();
}

Result<void> Member::run_stage(std::span<const Message> received) {
  if (stage_ < kStripLayers) {
    take_outputs(stage_ - 1, received);
    return forward_strip(stage_);
  }
  if (stage_ <= kLogits) take_outputs(stage_ - 1, received);
  if (stage_ < kConvLayers) return forward_channels(stage_);
  if (stage_ <= kPredictions) return forward_dense(stage_);
  switch (stage_) {
    case kLogits:
      is_classified_ = true;
      return Vgg16::check_finite(activations_.logits);
    case kBackwardPredictions:
      return backward(kPredictions, gradient_);
    case kBackwardFc2:
    case kBackwardFc1: {
      const std::size_t layer = stage_ == kBackwardFc2 ? kFc2 : kFc1;
      add_sums(received);
      const Range part = own_part(layer);
      const auto outputs = output(layer).values().subspan(part.begin, part.size());
      for (std::size_t row = 0; row < classes_.size(); ++row) {
        relu_backward(outputs, gradient_.values().subspan(row * part.size(), part.size()));
      }
      return backward(layer, gradient_);
    }
    case kOwnMaps:
      add_sums(received);
      return map_own_channels();
    default:
      for (const Message& message : received) {
        std::ranges::transform(message.values.values(), raw_maps_, raw_maps_.begin(),
                               [](double value, double sum) { return sum + value; });
      }
      return {};
  }
}

/// Completes what all members get of a layer with the others' part of it. Of the layers before
/// block3_conv3, that is the rows next to the strip.
void Member::take_outputs(std::size_t layer, std::span<const Message> received) {
  for (const auto& [from, values] : received) {
    if (stage_ == 0) {
      std::ranges::copy(values.values(), input_.data());
      continue;
    }
    Tensor& whole = output(layer);
    if (stage_ < kStripLayers) {
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
  const Tensor& x = layer == 0 ? input_ : activations_.conv[layer - 1];
  Tensor& y = activations_.conv[layer];
  const Vgg16::Conv& conv = model_.conv_[layer];
  const std::size_t rows = conv.spec.output_rows(x.dim(0)) / (conv.spec.pool ? 2 : 1);
  const bool is_last = layer + 1 == kStripLayers;
  const Conv3x3Spec& next = model_.conv_[layer + 1].spec;
  const std::size_t first = is_last ? strip(share().member, kStripPools).begin : 1 - next.pad_top;
  const std::size_t row = row_floats(y);
  const auto own = y.values().subspan(first * row, rows * row);
  GRADCAM_CHECK_OK(
      conv.kernel->run(x.data(), x.dim(0), x.dim(1), own.data(), activations_.workspace.data()));
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
    GRADCAM_TRY(slice, Tensor::zeros({y.dim(0), y.dim(1), own.size()}));
  }
  GRADCAM_CHECK_OK(conv.kernel->run(x.data(), x.dim(0), x.dim(1),
                                    in_place ? y.data() : slice.data(),
                                    activations_.workspace.data()));
  if (is_last) {
    GRADCAM_TRY(slice, Tensor::zeros({y.dim(0) / 2, y.dim(1) / 2, own.size()}));
    max_pool2x2(y.data(), y.dim(0), y.dim(1), own.size(), slice.data());
  } else if (in_place) {
    return send_to_others(y.values());
  }
  set_columns(slice.values(), own, outputs, output(layer));
  return send_to_others(slice.values());
}

/// The rows of a dense layer that are this member's.
Result<void> Member::forward_dense(std::size_t layer) {
  GRADCAM_TRY(Tensor slice, Tensor::zeros({own_part(layer).size()}));
  GRADCAM_CHECK_OK(dense(layer).forward(output(layer - 1), slice));
  if (layer != kPredictions) relu_forward(slice.values());
  set_columns(slice.values(), own_part(layer), model_.outputs(layer), output(layer));
  return send_to_others(slice.values());
}

/// From the gradient at this member's outputs of a layer, [classes, part], to its contribution to
/// that at the layer's inputs, which it hands out by the members' parts of them. Of fc1's inputs,
/// that is the gradient summed over positions.
Result<void> Member::backward(std::size_t layer, const Tensor& gradient) {
  const bool has_part = !own_part(layer).empty();
  const Dense& weights = layer == kFc1 ? model_.fc1_sums_ : dense(layer);
  GRADCAM_TRY(const Tensor product, weights.backward(gradient));
  for (std::size_t member = 0; member < share().members; ++member) {
    GRADCAM_TRY(Tensor columns, get_columns(product, part(layer - 1, member)));
    if (member == share().member) {
      gradient_ = std::move(columns);
    } else if (has_part && !columns.empty()) {
      outbox_.push_back({member, std::move(columns)});
    }
  }
  return {};
}

void Member::add_sums(std::span<const Message> received) {
  for (const Message& message : received) {
    std::ranges::transform(message.values.values(), gradient_.values(), gradient_.data(),
                           std::plus<float>());
  }
}

/// sum_k alpha_k A_k over the channels k of block5_conv3 that are this member's.
Result<void> Member::map_own_channels() {
  const Tensor& activation = activations_.block5_conv3();
  const std::size_t cells = activation.dim(0) * activation.dim(1);
  const std::size_t channels = activation.dim(2);
  raw_maps_.assign(classes_.size() * cells, 0.0);
  // Pooling windows do not overlap, so alpha is the sum over block5_pool, divided by the number of
  // positions of block5_conv3.
  for (float& sum : gradient_.values()) sum /= static_cast<float>(cells);
  for (std::size_t row = 0; row < classes_.size(); ++row) {
    weighted_sums(activation.data(), cells, channels, gradient_.data() + row * channels,
                  raw_maps_.data() + row * cells);
  }
  if (share().member == 0 || channels == 0) return {};
  const std::vector<float> values(raw_maps_.begin(), raw_maps_.end());
  return send(0, values);
}

}  // namespace gradcam
