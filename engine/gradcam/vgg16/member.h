#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "gradcam/tensor/tensor.h"
#include "gradcam/vgg16/vgg16.h"
#include "gradcam/weights/safetensors.h"

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
  kReading,  ///< it lacks rows of fc1, which was left in the file (LoadOptions::leave_fc1)
  kDone,     ///< what was begun is finished
};

/// What will be wanted after a forward pass, if that is known: what it takes is kept, and need not
/// be computed again.
struct Outlook {
  std::size_t layer = kBlock5Conv3;  ///< gradients of this map layer: what is pooled away behind it
  bool ablation = false;             ///< an ablation: what each channel of block5_pool adds to fc1
};

/// What is wanted of gradients at a layer. The means cost next to nothing at block5_conv3 and
/// block5_pool.
enum class Gather {
  kGradients,     ///< of each score, [H, W, C], beside the layer's output A
  kMeans,         ///< over positions, alpha: [1, 1, C], beside A
  kWeightedSums,  ///< sum_k alpha_k A_k alone, of which each member adds up its own part: [H, W]
};

/// What a gradient is wanted for, and where.
struct GradientRequest {
  /// The gradient of each score at the logits, [scores, logits]; see Vgg16::backward_to_fc1.
  Tensor seeds;
  std::size_t layer = kBlock5Conv3;  ///< a map layer, or kInput
  Gather gather = Gather::kGradients;
  ReluRule rule = ReluRule::kGradient;
  /// Of gradients: where the layer's output is zero they do not matter, and may be left out.
  bool as_factor = false;
};

/// What member 0 has of a layer once all members have brought their parts together.
struct Gathered {
  GradientRequest request;            ///< what was asked for
  std::vector<std::size_t> channels;  ///< of an ablation, those without which
  Tensor activation;                  ///< a map layer's output before pooling, [H, W, C]
  std::vector<Tensor> gradients;      ///< of each score, as Gather says
  Tensor drops;                       ///< of an ablation, see Vgg16::drops_without_channels
};

/// One of N equal members that run a VGG16 together (see partition.h): a forward pass, and what
/// heatmaps take of a layer after it. A state machine without threads and without I/O: whoever
/// drives it lets it `step`, carries its messages to the other members, and gives it theirs.
/// Messages of one member to another must arrive in the order in which they were sent.
///
/// Blocks 1 to 3 exchange one row with the strips above and below before each convolution; from
/// block3_pool on, every member gets the whole output of each layer and computes its part of the
/// next. Backward it is the same in reverse: through the dense layers and blocks 5 and 4, each
/// member multiplies the gradient at its own outputs, and the products for the inputs are added up
/// by the members whose outputs those are; through blocks 3 to 1 strips exchange a row of the
/// gradient. The last layer, forward and back, every member computes for itself. A step takes as
/// long as one layer.
class Member {
 public:
  /// model: its share of the weights; with all of them it is the only member.
  static Result<Member> create(Vgg16 model);

  const Vgg16& model() const { return model_; }

  /// After a forward pass, block5_pool, fc1, fc2 and the logits are whole at every member.
  const Activations& activations() const { return activations_; }

  /// Vgg16::use_head, after which everything under way is forgotten.
  Result<void> use_head(const Head* head);

  /// Forgets everything under way and begins a forward pass. Member 0 is given the input [size,
  /// size, 3] as `preprocess` gives it, the others null. All members must have begun before one of
  /// them is given a message.
  Result<void> begin_forward(const Tensor* input, const Outlook& outlook = {});

  /// The same with the rest of a forward pass, from another output of a convolution, before pooling
  /// (see Vgg16::forward_from), which member 0 is given. kInvalidArgument for another shape, and
  /// for block5_conv3, behind which no convolution is left to divide.
  Result<void> begin_forward_from(std::size_t layer, const Tensor* map);

  /// After a forward pass: begins to bring together, at member 0, for one request after another,
  /// the output of a map layer and the gradients of scores at it; without scores, the output alone;
  /// of the input, the gradients alone. All members are asked for the same.
  Result<void> begin_gradients(std::vector<GradientRequest> requests);

  /// After a forward pass: begins to bring together, at member 0, the output of block5_conv3 or
  /// block5_pool and what scores lose without each of some of its channels. All members are asked
  /// for the same.
  Result<void> begin_ablation(GradientRequest request, std::vector<std::size_t> channels);

  /// Takes a message of another member.
  Result<void> receive(std::size_t from, Tensor values);

  /// While reading: where the rows of fc1 are in the model file that are still to be read for this
  /// step, the next one first, and how long each of them is.
  struct Unread {
    FileRange rows;
    std::size_t row_bytes;
  };
  Unread unread() const;

  /// While reading: takes the bytes of the next of those rows, any number of whole ones.
  Result<void> read(std::span<const std::uint8_t> bytes);

  /// Whether there is something to compute.
  Progress progress() const;

  /// Whether the logits are those of the last forward pass, which is finished.
  bool is_classified() const { return is_classified_; }

  /// Computes what it can, one layer at most, and says what is next. After an error only
  /// `begin_forward` helps.
  Result<Progress> step();

  /// The messages that the last steps, or `begin_forward`, have left to be sent.
  std::vector<Message> take_messages();

  /// Of member 0, once what was begun after a forward pass is done: for each of the requests.
  const std::vector<Gathered>& gathered() const { return gathered_; }
  std::vector<Gathered> take_gathered() { return std::exchange(gathered_, {}); }

 private:
  /// What is done at a layer (0 to 15); members go through the same stages.
  enum class Work {
    kForward,      // its outputs
    kBackward,     // from the gradient at its outputs to that at its inputs
    kShareBorder,  // of a strip: the gradient at its outputs; the rows that others need of it
    kParts,        // of fc1: what each channel of block5_pool adds to its outputs
    kAblate,       // of fc1 and fc2: what changes without each of some channels of block5_pool
    kShareMeans,   // of the gradients at this member's rows
    kSend,         // this member's part of what is gathered
    kGather,       // at member 0
  };
  struct Stage {
    Work work;
    std::size_t layer;
  };
  struct Expected {
    std::size_t member;
    std::size_t floats;
    std::size_t messages = 1;  // of so many floats each
  };

  /// Rows of a dense layer, and which of its outputs they give.
  struct Rows {
    const Dense& weights;
    Range outputs;
  };

  explicit Member(Vgg16 model) : model_(std::move(model)) {}

  const Share& share() const { return model_.share(); }
  Share share_of(std::size_t member) const { return {member, share().members}; }
  /// The outputs of a layer that are a member's; not of the last one, which all members have whole.
  Range part(std::size_t layer, std::size_t member) const {
    return own_outputs(model_.outputs(layer), share_of(member));
  }
  Range own_part(std::size_t layer) const { return part(layer, share().member); }
  /// The rows of the picture, after some max-pools, that are a member's.
  Range strip(std::size_t member, std::size_t pools = 0) const;
  std::size_t above() const;
  std::size_t below() const;
  Rows rows_at_hand(std::size_t layer) const;
  const Fc1InFile* fc1_to_read() const;
  const Tensor& output(std::size_t layer) const;
  Tensor& output(std::size_t layer) {
    return const_cast<Tensor&>(std::as_const(*this).output(layer));
  }

  const Stage& stage() const { return stages_[next_]; }
  bool is_idle() const { return next_ == stages_.size(); }
  void forget();
  Result<void> check_classified() const;
  Result<void> check_request(const GradientRequest& request) const;
  Result<void> recall_maps(std::size_t map_layer);
  Result<void> begin_next_request();
  Result<void> begin_at(std::size_t conv, const Tensor* x, const Outlook& outlook);
  const Tensor& strip_input(std::size_t conv) const {
    return conv == 0 ? input_ : activations_.conv[conv - 1];
  }
  Tensor& strip_input(std::size_t conv) {
    return const_cast<Tensor&>(std::as_const(*this).strip_input(conv));
  }
  Range input_rows(std::size_t conv, std::size_t member) const;

  std::size_t part_floats(std::size_t layer, std::size_t member) const;
  Shape part_shape(std::size_t map_layer, std::size_t member) const;
  bool has_part(std::size_t map_layer, std::size_t member) const;
  /// Whether outputs of convolutions are freed as soon as nothing will need them.
  bool frees_maps() const { return model_.low_memory_ && share().members == 1; }
  /// Whether block1_conv1's output, the largest, is never there as a whole.
  bool has_bands() const { return frees_maps() && first_ == 0 && outlook_.layer > kBlock1Conv2; }
  Result<void> make_room(std::size_t conv);
  void free_input(std::size_t conv);
  Result<Tensor> cut(const Tensor& whole, std::size_t layer, std::size_t member) const;
  void place(std::span<const float> values, std::size_t map_layer, std::size_t member,
             Tensor& whole) const;

  std::vector<Expected> expected() const;
  void expect_outputs(std::size_t layer, std::vector<Expected>& list) const;
  void expect_border(std::size_t layer, std::vector<Expected>& list) const;
  void expect_products(std::size_t layer, std::vector<Expected>& list) const;
  void expect_means(std::size_t layer, std::vector<Expected>& list) const;
  void expect_gathered(std::size_t layer, std::vector<Expected>& list) const;
  Result<std::vector<Message>> take(const std::vector<Expected>& list);

  Result<void> run_stage(std::span<const Message> received);
  void take_outputs(std::size_t layer, std::span<const Message> received);
  Result<void> forward_strip(std::size_t layer);
  Result<void> forward_block1_in_bands();
  Result<void> forward_channels(std::size_t layer);
  Result<void> forward_dense(std::size_t layer);
  Result<void> add_fc1_parts();
  Result<void> convolve(std::size_t layer, const Tensor& x, float* y);

  Result<void> backward_dense(std::size_t layer, std::span<const Message> received);
  Result<void> add_fc1_product(const Dense& rows, Range outputs);
  Result<void> backward_channels(std::size_t layer, std::span<const Message> received);
  Result<void> share_border(std::size_t layer, std::span<const Message> received);
  Result<void> backward_strip(std::size_t layer, std::span<const Message> received);
  Result<void> enter_map(std::size_t layer, std::span<const Message> received, bool through_relu);
  Result<Tensor> hand_out(const Tensor& product, std::size_t layer);
  Result<std::span<const float>> own_map(std::size_t layer);

  Result<void> ablate(std::size_t layer, std::span<const Message> received);

  Result<void> finish_gradients(std::size_t map_layer, std::span<const Message> received);
  Result<void> take_means(std::size_t map_layer);
  Result<void> share_means(std::size_t map_layer, std::span<const Message> received);
  Result<Tensor> weighted_sums(std::size_t map_layer);
  Result<void> send_gathered(std::size_t layer, std::span<const Message> received);
  Result<Gathered> room_for_gathered(std::size_t layer) const;
  Result<void> gather(std::size_t layer, std::span<const Message> received);

  Result<void> send(std::size_t to, std::span<const float> values);
  Result<void> send_to_others(std::span<const float> values);

  Vgg16 model_;
  Activations activations_;
  Tensor input_;  // the strip of it, with the rows next to it that block1_conv1 needs
  std::vector<Stage> stages_;
  std::size_t next_ = 0;  // of the stages
  bool is_classified_ = false;
  Outlook outlook_;
  std::size_t first_ = 0;          // the convolution that the forward pass begins with
  Tensor fc1_parts_;               // this member's outputs of fc1, see Dense::forward_by_channels
  std::optional<Dense> fc1_rows_;  // of an fc1 in the file, those that were read last
  std::size_t fc1_rows_done_ = 0;  // of this stage
  Tensor fc1_product_;             // of the gradient and those rows of it

  // Under way after a forward pass: the gradient of each score at this member's part of a layer's
  // output, added up over the members; of dense layers, or of means alone, in one matrix, [scores,
  // part]; of maps one by one.
  std::size_t scores_ = 0;
  Gather gather_ = Gather::kGradients;
  bool by_sums_ = false;    // through fc1, to the means alone
  bool only_live_ = false;  // through fc1, to what is not zero of block5_pool
  Tensor gradient_;
  std::vector<Tensor> map_gradients_;
  std::vector<std::size_t> channels_;  // of block5_pool to be ablated
  Tensor ablated_;                     // how fc1's output changes without each; then, the scores
  Tensor own_map_;                     // columns of a map that all members have
  std::vector<Tensor> own_parts_;      // of what is gathered
  GradientRequest request_;            // that is under way
  std::vector<GradientRequest> requests_;  // that are to follow, the next one last
  std::vector<Gathered> gathered_;

  std::array<std::vector<Tensor>, kMaxMembers> inbox_;  // by sender, the oldest first
  std::vector<Message> outbox_;
};

}  // namespace gradcam
