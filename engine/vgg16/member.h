#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "tensor/tensor.h"
#include "vgg16/vgg16.h"

namespace gradcam {

/// Numbers on their way from one member to another.
struct Message {
  std::size_t member;  ///< the other one
  Tensor values;
};

/// What a member does next.
enum class Progress {
  kReady,    ///< `step` has something to compute
  kWaiting,  ///< it lacks a message of another member
  kDone,     ///< what was begun is finished
};

/// One of N equal members that run a VGG16 together (see partition.h): a forward pass, and
/// Grad-CAM of any number of classes after it. A state machine without threads and without I/O:
/// whoever drives it lets it `step`, carries its messages to the other members, and gives it
/// theirs. Messages of one member to another must arrive in the order in which they were sent.
///
/// Blocks 1 to 3 exchange one row with the strips above and below before each convolution; from
/// block3_pool on, every member gets the whole output of each layer and computes its part of the
/// next. Backward, members add up partial products: each has its rows of the dense layers and its
/// channels of block5_conv3. A step takes as long as one layer.
class Member {
 public:
  /// model: its share of the weights; with all of them it is the only member.
  static Result<Member> create(Vgg16 model);

  const Vgg16& model() const { return model_; }

  /// After a forward pass, block5_pool, fc1, fc2 and the logits are whole at every member.
  const Activations& activations() const { return activations_; }
  Activations& activations() { return activations_; }

  /// Vgg16::use_head, after which everything under way is forgotten.
  Result<void> use_head(const Head* head);

  /// Forgets everything under way and begins a forward pass. Member 0 is given the input [size,
  /// size, 3] as `preprocess` gives it, the others null. All members must have begun before one of
  /// them is given a message.
  Result<void> begin_forward(const Tensor* input);

  /// After a forward pass: begins to compute, for each of these classes, the raw Grad-CAM map at
  /// block5_conv3. All members are given the same classes.
  Result<void> begin_explain(std::span<const std::size_t> classes);

  /// Takes a message of another member.
  Result<void> receive(std::size_t from, Tensor values);

  /// Whether there is something to compute.
  Progress progress() const;

  /// Whether the logits are those of the last forward pass, which is finished.
  bool is_classified() const { return is_classified_; }

  /// Computes what it can, one layer at most, and says what is next. After an error only
  /// `begin_forward` helps.
  Result<Progress> step();

  /// The messages that the last steps, or `begin_forward`, have left to be sent.
  std::vector<Message> take_messages();

  /// Of member 0, after `begin_explain` is done: sum_k alpha_k A_k without ReLU, [classes, H, W] of
  /// block5_conv3.
  std::span<const double> raw_maps() const { return raw_maps_; }

 private:
  struct Expected {
    std::size_t member;
    std::size_t floats;
  };

  explicit Member(Vgg16 model) : model_(std::move(model)) {}

  const Share& share() const { return model_.share(); }
  Share share_of(std::size_t member) const { return {member, share().members}; }
  /// The outputs of a layer that are a member's.
  Range part(std::size_t layer, std::size_t member) const {
    return own_outputs(model_.outputs(layer), share_of(member));
  }
  Range own_part(std::size_t layer) const { return part(layer, share().member); }
  /// The rows of the picture, after some max-pools, that are a member's.
  Range strip(std::size_t member, std::size_t pools = 0) const;
  std::size_t above() const;
  std::size_t below() const;
  const Dense& dense(std::size_t layer) const;
  const Tensor& output(std::size_t layer) const;
  Tensor& output(std::size_t layer) {
    return const_cast<Tensor&>(std::as_const(*this).output(layer));
  }

  std::vector<Expected> expected() const;
  void expect_outputs(std::size_t layer, std::vector<Expected>& list) const;
  void expect_sums(std::size_t layer, std::vector<Expected>& list) const;
  bool is_here(const Expected& message) const;
  Result<std::vector<Message>> take(const std::vector<Expected>& messages);

  Result<void> run_stage(std::span<const Message> received);
  void take_outputs(std::size_t layer, std::span<const Message> received);
  Result<void> forward_strip(std::size_t layer);
  Result<void> forward_channels(std::size_t layer);
  Result<void> forward_dense(std::size_t layer);
  Result<void> backward(std::size_t layer, const Tensor& gradient);
  void add_sums(std::span<const Message> received);
  Result<void> map_own_channels();

  Result<void> send(std::size_t to, std::span<const float> values);
  Result<void> send_to_others(std::span<const float> values);

  Vgg16 model_;
  Activations activations_;
  Tensor input_;  // the strip of it, with the rows next to it that block1_conv1 needs
  std::size_t stage_ = 0;
  std::size_t end_ = 0;  // the stage before which it stops
  bool is_classified_ = false;
  std::vector<std::size_t> classes_;
  Tensor gradient_;  // at this member's part of a layer: [classes, part], summed over the members
  std::vector<double> raw_maps_;
  std::array<std::vector<Tensor>, kMaxMembers> inbox_;  // by sender, the oldest first
  std::vector<Message> outbox_;
};

}  // namespace gradcam
