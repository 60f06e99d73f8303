#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gradcam/image/preprocess.h"
#include "gradcam/kernels/conv3x3.h"
#include "gradcam/layers/dense.h"
#include "gradcam/layers/relu.h"
#include "gradcam/tensor/tensor.h"
#include "gradcam/vgg16/partition.h"
#include "gradcam/vgg16/plan.h"
#include "gradcam/vgg16/stored_rows.h"
#include "gradcam/weights/metadata.h"
#include "gradcam/weights/safetensors.h"

namespace gradcam {

struct Head;

/// A layer as a model file has it.
struct LayerInfo {
  std::string name;       ///< Keras's: "block5_conv3", "fc1", ...
  Shape weight;           ///< [O, 3, 3, I] or [O, I]; in `predictions`, O counts the others, too
  Shape output;           ///< [H, W, O] before pooling, or [O]
  std::string dtype;      ///< of the weights in the file: "F32", "F16", "I8", "I4", ...
  std::string algorithm;  ///< what runs it: "winograd", "xnnpack", ..., "gemv"
};

/// What is known of a model besides its weights.
struct ModelInfo {
  /// labels, source, ... Where the file has no labels they are ImageNet's if there are as many
  /// classes as those, else "class 0", ...
  ModelMetadata metadata;
  Preprocess preprocess;          ///< how a photo becomes the input
  std::vector<LayerInfo> layers;  ///< the 16 layers with weights, in order
  std::size_t parameters = 0;     ///< numbers in the file, scales not counted
  /// Tells the networks in front of the last layer apart, whatever file they come from: 16
  /// hexadecimal digits, a Fingerprint of the names, canonical shapes and biases, by which a
  /// network is known also after its weights were brought to smaller numbers, of every layer but
  /// `predictions`, and of the preprocessing. (Of the biases, those that the first of any number of
  /// members has.) Empty for other members.
  std::string fingerprint;

  /// A side of the network's input, in pixels, or of a map behind so many max-pools, in cells.
  std::size_t side(std::size_t pools = 0) const {
    return static_cast<std::size_t>(preprocess.size) >> pools;
  }

  /// Products that a forward pass sums up, as the layers define it; kernels may do with fewer.
  std::uint64_t multiply_adds() const;
};

/// What a forward pass leaves for the reader and for the backward pass. Allocated once
/// (Vgg16::make_activations) and used for any number of photos.
///
/// One of several members has all of these too, but of the outputs of block1_conv1 to block3_conv2
/// only the rows of its strip, with the rows next to it that the following convolution needs, and
/// of block5_conv3 only its channels.
struct Activations {
  std::array<Tensor, kConvLayers> conv;  ///< ReLU outputs, pooled where a block ends, except the
                                         ///< last, block5_conv3 [H, W, C], which is not
  Tensor block5_pool;                    ///< [H / 2, W / 2, C]; read in this order it is `flatten`
  Tensor fc1;                            ///< after ReLU
  Tensor fc2;                            ///< after ReLU
  Tensor logits;                         ///< [Vgg16::logits()], before the softmax
  Tensor workspace;                      ///< the kernels' scratch memory

  /// Outputs before pooling of the convolutions that end a block; empty until `complete` computes
  /// them, or forward_from goes on from one, and from the next forward pass on.
  std::array<Tensor, kConvLayers> unpooled;

  const Tensor& block5_conv3() const { return conv[kBlock5Conv3]; }

  /// The output of a map layer (see `kMapLayers`) before pooling; empty if it takes `complete`.
  /// From kBlock5Pool on block5_pool.
  const Tensor& map(std::size_t layer) const {
    if (layer >= kBlock5Pool) return block5_pool;
    return kEndsBlock[layer] && layer != kBlock5Conv3 ? unpooled[layer] : conv[layer];
  }
};

/// A class with what the network thinks of it.
struct Prediction {
  std::size_t index;  ///< of the class, and of its label in ModelMetadata::labels
  float probability;  ///< softmax over all logits / temperature, those without a class too
  float logit;
};

/// VGG16 with any widths and any number of classes. Not changed by running, except that the first
/// gradient to go through a convolution packs that convolution's transpose; so one model may serve
/// several threads, each with activations of its own. Comes from a Vgg16Loader.
///
/// It may hold only a member's share of the weights (see partition.h), or leave some in the file;
/// then a Member (member.h) runs it, and `forward` and the backward functions refuse. One that was
/// moved from may only be destroyed or assigned to.
class Vgg16 {
 public:
  const ModelInfo& info() const { return info_; }
  std::size_t classes() const { return info_.metadata.labels.size(); }
  /// Outputs of the last layer: the classes, and behind them what has no label of its own (see
  /// ModelMetadata::others), if the model was trained to know such.
  std::size_t logits() const { return info_.layers.back().weight[0]; }
  const Share& share() const { return share_; }

  const Dense& fc1() const { return fc1_; }
  const Dense& fc2() const { return fc2_; }

  /// Puts another last layer, with its labels and what else it says of itself, in the place of the
  /// model's own; null puts that one back. What it is made of is copied. Activations that were made
  /// before have logits of the old number of classes, and are refused. Refused with
  /// kInvalidArgument, and nothing is changed, is a head that was trained on a model of another
  /// fingerprint, takes other inputs than fc2 gives, or is as check_head says. Of several members
  /// only the first has a fingerprint to check.
  Result<void> use_head(const Head* head);

  /// What the other functions work on: some tens of megabytes, for one photo at a time.
  /// kOutOfMemory.
  Result<Activations> make_activations() const { return make_activations(true); }

  /// kInvalidArgument for anything but finite values [size, size, 3].
  Result<void> check_input(const Tensor& input) const;

  /// kInvalidArgument unless these, by their shapes, are activations of this model with the head
  /// that is on it.
  Result<void> check_activations(const Activations& activations) const;

  /// kInvalidArgument unless the activations hold the output of this map layer before pooling, by
  /// its shape: it may take `complete`, and what saves memory has freed it.
  Result<void> check_map(const Activations& activations, std::size_t layer) const;

  /// input: [size, size, 3] as `preprocess` gives it. kInvalidArgument as check_input, and for
  /// activations of another model; kCorruptModel if the logits are not finite.
  Result<void> forward(const Tensor& input, Activations& activations) const;

  /// The rest of a forward pass from another output of a map layer, of the shape of
  /// `activations.map(layer)`, which it replaces. What lies before that layer is not changed.
  /// kInvalidArgument for another shape; kCorruptModel as `forward`.
  Result<void> forward_from(std::size_t layer, const Tensor& map, Activations& activations) const;

  /// Computes the outputs before pooling that a backward pass down to this layer needs and a
  /// forward pass does not keep. Costs those convolutions again; nothing for block5. kOutOfMemory;
  /// kInvalidArgument for activations of another model.
  Result<void> complete(Activations& activations, std::size_t layer) const;

  /// softmax(logits / temperature), of as many as `logits()`.
  std::vector<float> probabilities(std::span<const float> logits) const;

  /// The classes of the last forward pass, most probable first; none for activations of another
  /// number of logits.
  std::vector<Prediction> predictions(const Activations& activations) const;

  /// How probable it is that the photo of the last forward pass shows none of the classes: the
  /// share of the logits without a label. 0 for a model that has none.
  float others_probability(const Activations& activations) const;

  /// The first half of the backward pass, for several scores at once, which may be any functions of
  /// the logits: the gradient of each score at the sum that enters fc1's ReLU, [scores, fc1], back
  /// through `predictions`, fc2 and the two ReLUs. seeds[s, c] is the gradient of score s at logit
  /// c, [scores, logits()]; see `class_seeds`.
  Result<Tensor> backward_to_fc1(const Activations& activations, const Tensor& seeds,
                                 ReluRule rule = ReluRule::kGradient) const;

  /// kInvalidArgument for one that does not exist.
  Result<void> check_classes(std::span<const std::size_t> classes) const;

  /// The seeds of the classes' own logits: a row for each, which is 1 at it and 0 elsewhere.
  Result<Tensor> class_seeds(std::span<const std::size_t> classes) const;

  /// From fc1 through the flatten to block5_pool: [scores, H / 2, W / 2, C].
  Result<Tensor> backward_to_block5_pool(const Tensor& fc1_gradient) const;

  /// The same summed over the positions of block5_pool, [scores, C], without computing it at each
  /// position: all that Grad-CAM needs.
  Result<Tensor> backward_to_block5_pool_sums(const Tensor& fc1_gradient) const;

  /// From block5_pool [H / 2, W / 2, C] to any map layer, before its pooling, for one score: the
  /// gradient at `activations.map(layer)`. kInvalidArgument unless that layer and those behind it
  /// are complete.
  Result<Tensor> backward_to_layer(const Activations& activations, const Tensor& pool_gradient,
                                   std::size_t layer, ReluRule rule = ReluRule::kGradient) const;

  /// From block5_pool to the input, [size, size, 3]; needs `complete(activations, 0)`.
  Result<Tensor> backward_to_input(const Activations& activations, const Tensor& pool_gradient,
                                   ReluRule rule = ReluRule::kGradient) const;

  /// How much the logits of classes fall if each of these channels of block5_pool is set to zero,
  /// after a forward pass: [classes, channels].
  Result<Tensor> drops_without_channels(const Activations& activations,
                                        std::span<const std::size_t> channels,
                                        std::span<const std::size_t> classes) const;

 private:
  friend class Vgg16Loader;
  friend class Member;

  /// The data gradient of a convolution, packed by the first thread that needs it; and, where
  /// memory counts more than time, not kept.
  struct Transpose {
    std::mutex mutex;
    std::unique_ptr<Conv3x3> kernel;
  };

  struct Conv {
    Conv3x3Spec spec;  // also where a share has no kernel
    std::unique_ptr<Conv3x3> kernel;
    ConvAlgorithm backward = ConvAlgorithm::kReference;  // what runs the data gradient
    std::unique_ptr<Transpose> transpose;
  };

  /// What a head has displaced.
  struct OwnHead {
    Dense predictions;
    LayerInfo layer;
    ModelMetadata metadata;
    std::size_t parameters;
  };

  Vgg16(ModelInfo info, Share share, std::array<Conv, kConvLayers> conv, Dense fc1, Dense fc1_sums,
        Dense fc2, Dense predictions);

  Result<Activations> make_activations(bool with_maps) const;
  Result<void> check_whole() const;
  static Result<void> check_finite(const Tensor& logits);
  /// Outputs of a layer (0 to 15), of all members together.
  std::size_t outputs(std::size_t layer) const { return info_.layers[layer].weight[0]; }

  /// From the sum that enters the ReLU of convolution `layer` to its input.
  Result<Tensor> backward_through(std::size_t layer, const Tensor& gradient,
                                  Tensor& workspace) const;
  /// Everything behind a convolution's output in `activations`.
  Result<void> forward_behind(std::size_t layer, Activations& activations) const;
  Result<void> forward_dense(Activations& activations) const;

  ModelInfo info_;
  Share share_;
  std::array<Conv, kConvLayers> conv_;
  Dense fc1_;
  std::optional<Fc1InFile> fc1_in_file_;  // if it is left there, and has no rows here
  Dense fc1_sums_;                        // fc1 summed over its positions
  Dense fc2_;
  Dense predictions_;
  std::optional<OwnHead> own_head_;  // if there is another one in its place
  bool low_memory_ = false;          // see LoadOptions
};

}  // namespace gradcam
