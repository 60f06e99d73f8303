#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "image/preprocess.h"
#include "kernels/conv3x3.h"
#include "layers/dense.h"
#include "tensor/tensor.h"
#include "vgg16/partition.h"
#include "vgg16/plan.h"
#include "weights/metadata.h"
#include "weights/safetensors.h"

namespace gradcam {

/// A layer as a model file has it.
struct LayerInfo {
  std::string name;       ///< Keras's: "block5_conv3", "fc1", ...
  Shape weight;           ///< [O, 3, 3, I] or [O, I]
  Shape output;           ///< [H, W, O] before pooling, or [O]
  std::string dtype;      ///< of the weights in the file: "F32", "F16", "I8", "I4", ...
  std::string algorithm;  ///< what runs it: "winograd", "xnnpack", ..., "gemv"
};

/// What is known of a model besides its weights.
struct ModelInfo {
  ModelMetadata metadata;         ///< labels ("class 0", ... where the file has none), source, ...
  Preprocess preprocess;          ///< how a photo becomes the input
  std::vector<LayerInfo> layers;  ///< the 16 layers with weights, in order
  std::size_t parameters = 0;     ///< numbers in the file, scales not counted
  /// Tells the networks in front of the last layer apart: 16 hexadecimal digits, a Fingerprint of
  /// the name, type, shape and first row of every tensor but those of `predictions`, in the order
  /// of the file. Empty for a member's share without those rows.
  std::string fingerprint;
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
  Tensor logits;                         ///< [classes], before the softmax
  Tensor workspace;                      ///< the kernels' scratch memory

  const Tensor& block5_conv3() const { return conv[kConvLayers - 1]; }
};

/// A class with what the network thinks of it.
struct Prediction {
  std::size_t index;
  float probability;  ///< softmax of logit / temperature
  float logit;
};

/// VGG16 with any widths and any number of classes. Not changed by running, so that one model may
/// serve several threads, each with activations of its own. Comes from a Vgg16Loader.
///
/// It may hold only a member's share of the weights (see partition.h); then a Member (member.h)
/// runs it together with the others, and `forward` and the backward functions refuse.
class Vgg16 {
 public:
  const ModelInfo& info() const { return info_; }
  std::size_t classes() const { return info_.metadata.labels.size(); }
  const Share& share() const { return share_; }

  const Dense& fc1() const { return fc1_; }
  const Dense& fc2() const { return fc2_; }

  Result<Activations> make_activations() const;

  /// input: [size, size, 3] as `preprocess` gives it.
  Result<void> forward(const Tensor& input, Activations& activations) const;

  /// The classes of the last forward pass, most probable first.
  std::vector<Prediction> predictions(const Activations& activations) const;

  /// The first half of the backward pass, for several classes at once: the gradient of each
  /// class's logit at the sum that enters fc1's ReLU, [classes, fc1], back through
  /// `predictions`, fc2 and the two ReLUs.
  Result<Tensor> backward_to_fc1(const Activations& activations,
                                 std::span<const std::size_t> classes) const;

  /// From there through fc1 and the flatten to block5_pool: [classes, H / 2, W / 2, C].
  Result<Tensor> backward_to_block5_pool(const Tensor& fc1_gradient) const;

  /// The same summed over the positions of block5_pool, [classes, C], without computing it at each
  /// position: all that Grad-CAM needs.
  Result<Tensor> backward_to_block5_pool_sums(const Tensor& fc1_gradient) const;

  /// From block5_pool [H / 2, W / 2, C] to block5_conv3 [H, W, C], for one class.
  Result<Tensor> backward_to_block5_conv3(const Activations& activations,
                                          const Tensor& pool_gradient) const;

 private:
  friend class Vgg16Loader;
  friend class Member;

  struct Conv {
    Conv3x3Spec spec;
    std::unique_ptr<Conv3x3> kernel;
  };

  Vgg16(ModelInfo info, Share share, std::array<Conv, kConvLayers> conv, Dense fc1, Dense fc1_sums,
        Dense fc2, Dense predictions);

  Result<void> check_whole() const;
  static Result<void> check_finite(const Tensor& logits);
  /// The gradient of each class's logit at the logits in `rows`: [classes, rows].
  Result<Tensor> seed(std::span<const std::size_t> classes, Range rows) const;
  /// Outputs of a layer (0 to 15), of all members together.
  std::size_t outputs(std::size_t layer) const { return info_.layers[layer].weight[0]; }

  ModelInfo info_;
  Share share_;
  std::array<Conv, kConvLayers> conv_;
  Dense fc1_;
  Dense fc1_sums_;  // fc1 summed over its positions
  Dense fc2_;
  Dense predictions_;
};

}  // namespace gradcam
