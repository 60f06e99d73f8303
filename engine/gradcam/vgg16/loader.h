#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "gradcam/vgg16/head.h"
#include "gradcam/vgg16/stored_rows.h"
#include "gradcam/vgg16/vgg16.h"
#include "gradcam/weights/fingerprint.h"
#include "gradcam/weights/names.h"
#include "gradcam/weights/safetensors.h"

namespace gradcam {

struct LoadOptions {
  /// The convolution algorithm of every layer; by default the fastest for each.
  std::optional<ConvAlgorithm> convolution = {};
  /// Leaves the weights of the convolutions in memory as the file stores them, and expands them
  /// whenever they are needed; a fraction of the memory, for some more time. Weights of 8 bits or
  /// less are left so in any case. A Member that is the only one keeps no outputs of convolutions
  /// then that it has no use for.
  bool low_memory = false;
  /// Leaves fc1's weights in the file, after they have been read once: of a VGG16, most of it. Only
  /// a Member that is the only one can run such a model; it asks for rows of them
  /// (Progress::kReading) whenever it needs them.
  bool leave_fc1 = false;
  /// Whose part of the weights to load: all of them, or those of one of several members.
  Share share = {};
  /// A last layer, with its labels, instead of the file's: see Vgg16::use_head.
  std::shared_ptr<const Head> head = {};
};

/// Builds a Vgg16 from a safetensors file that is read piece by piece: of the weights, no more
/// than the layers that have begun and not ended to come are in memory twice. Takes our own files
/// and those of torchvision and timm as they are.
///
///   begin(header) -> provide(tensor, bytes) until every tensor is complete -> finish()
class Vgg16Loader {
 public:
  /// Checks that the file has every tensor of a VGG16, in shapes that fit together, and that what
  /// a layer makes of a photo is no larger than that of one of 2048 x 2048 pixels.
  static Result<Vgg16Loader> begin(SafetensorsHeader header, const LoadOptions& options = {});

  /// The file's tensors, in the order in which `provide` counts them.
  const SafetensorsHeader& header() const { return header_; }

  /// What the header says of the model, completed where it says nothing.
  const ModelInfo& info() const { return info_; }

  /// Bytes of a row (an output channel) of a tensor of the file; 0 of one that it has not.
  std::size_t row_bytes(std::size_t tensor) const;

  /// The tensors as they are best provided: in the order of the file, except that the scales of
  /// weights that are left in the file come before these.
  std::vector<std::size_t> order() const;

  /// Where the bytes are that `provide` takes of a tensor: all of it, or the rows of the share,
  /// which may be none. Nothing of one that it has not.
  FileRange wanted(std::size_t tensor) const;

  /// Takes the next of the tensor's wanted bytes: all of them, or any number of whole rows. Tensors
  /// may come in any order, but for those that `order` has put first. Values that are not finite
  /// are refused; rows before them have been taken.
  Result<void> provide(std::size_t tensor, std::span<const std::uint8_t> bytes);

  /// The model, or the share of it, once every tensor is complete; a loader gives only one.
  Result<Vgg16> finish();

 private:
  enum class Part { kWeight, kBias, kScale };

  struct Target {
    std::size_t layer;
    Part part;
    Range rows;  ///< of the layer, that the tensor holds
  };

  /// A layer on its way from the file to its packed form; allocated when its first row comes.
  struct Pending {
    Tensor weight;      ///< float32, canonical layout: [O, 3, 3, I] or [O, I]; or turned, [I, O]
    StoredRows stored;  ///< or, of a layer that stays as it is
    Tensor bias;
    Tensor scale;             ///< [O], or [O, groups] for int4
    std::size_t missing = 0;  ///< wanted rows, of all parts, that have not come
  };

  Vgg16Loader() = default;

  bool is_conv(std::size_t layer) const { return layer < kConvLayers; }
  WeightFormat format(std::size_t layer) const { return map_.layers[layer].format; }
  /// Whether a layer's weights stay in memory as they are stored.
  bool keeps(std::size_t layer) const;
  DType dtype(std::size_t layer) const { return header_.tensors[map_.layers[layer].weight].dtype; }
  /// Whether a layer's weights are turned, for Dense::from_columns.
  bool turns(std::size_t layer) const;
  /// Whether they are left in the file.
  bool leaves(std::size_t layer) const { return layer == kFc1 && options_.leave_fc1; }
  /// Whether they stay as StoredRows.
  bool stores(std::size_t layer) const { return keeps(layer) && !turns(layer) && !leaves(layer); }
  Tensor& bias(std::size_t layer) {
    return leaves(layer) && fc1_in_file_ ? fc1_in_file_->bias : pending_[layer].bias;
  }
  Tensor& scale(std::size_t layer) {
    return leaves(layer) && fc1_in_file_ ? fc1_in_file_->scale : pending_[layer].scale;
  }
  ConvAlgorithm algorithm(std::size_t layer) const;
  /// Sets what the tensors of a layer are, or of a part of its rows.
  void set_targets(std::size_t layer, const LayerWeights& weights, std::size_t first);
  /// The rows (outputs) of a layer that are loaded.
  Range own(std::size_t layer) const;
  /// The same of the rows that a tensor holds, counted from its first one.
  Range own_of_tensor(std::size_t tensor) const;
  std::size_t outputs(std::size_t layer) const {
    return layer == kPredictions ? map_.logits() : map_.layers[layer].shape[0];
  }
  /// The shape of the weights that are loaded.
  Shape own_shape(std::size_t layer) const;
  Conv3x3Spec conv_spec(std::size_t layer) const;
  Result<void> allocate(std::size_t layer);
  Result<void> read_weight_row(std::size_t layer, std::size_t row,
                               std::span<const std::uint8_t> bytes);
  Result<void> sum_row(const Fc1InFile& fc1, std::size_t row, std::span<const std::uint8_t> bytes);
  Result<void> pack(std::size_t layer);
  Result<void> pack_conv(std::size_t layer);
  Result<void> pack_dense(std::size_t layer);
  Result<void> pack_nothing(std::size_t layer);
  Range fingerprinted(std::size_t layer) const;
  std::string fingerprint() const;

  LoadOptions options_;
  SafetensorsHeader header_;
  WeightMap map_;
  ModelInfo info_;
  std::vector<Target> targets_;    // by tensor: what it is
  std::vector<std::size_t> rows_;  // by tensor: how many of its wanted rows have come
  std::array<Fingerprint, kLayerNames.size()> biases_;
  std::array<Pending, kLayerNames.size()> pending_;
  std::vector<float> scratch_;            // one row as the file lays it out
  std::vector<float> unturned_;           // some rows of a layer that is turned
  std::optional<Fc1InFile> fc1_in_file_;  // if it is left there
  Tensor fc1_sums_;                       // then: its rows, summed over their positions
  std::array<Vgg16::Conv, kConvLayers> conv_;
  std::array<std::optional<Dense>, 3> dense_;
  bool finished_ = false;
};

/// Loads a whole safetensors file that is in memory, or mapped into it; it is not needed
/// afterwards, but for what LoadOptions::leave_fc1 leaves there. (Files of Keras, PyTorch and ONNX:
/// import_vgg16.)
/// kCorruptModel for what is no safetensors file, or holds no whole VGG16; kUnsupportedFormat for
/// one with a single output; kInvalidArgument for options that do not fit it; kOutOfMemory.
Result<Vgg16> load_vgg16(std::span<const std::uint8_t> file, const LoadOptions& options = {});

}  // namespace gradcam
