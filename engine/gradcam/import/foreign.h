#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gradcam/image/preprocess.h"
#include "gradcam/tensor/error.h"
#include "gradcam/tensor/tensor.h"
#include "gradcam/weights/names.h"
#include "gradcam/weights/safetensors.h"

namespace gradcam {

/// An array of another program's file: C-ordered, little-endian, in one piece.
struct ForeignArray {
  std::string name;  ///< as its program calls it
  DType dtype = DType::kF32;
  Shape shape = {};
  std::uint64_t begin = 0;  ///< where its first byte is in the file
};

/// Batch normalisation as it is when nothing is trained, of each channel on its own:
/// (x - mean) / sqrt(variance + epsilon) * scale + shift
struct ForeignNorm {
  std::optional<ForeignArray> scale;  ///< else 1
  std::optional<ForeignArray> shift;  ///< else 0
  ForeignArray mean;
  ForeignArray variance;
  float epsilon = 1e-5f;  ///< PyTorch's and ONNX's own

  /// In this order; nullptr for those that are not there.
  std::array<const ForeignArray*, 4> arrays() const {
    return {scale ? &*scale : nullptr, shift ? &*shift : nullptr, &mean, &variance};
  }
};

/// Outputs and inputs of a dense layer, or outputs and channels of a convolution.
struct ForeignSides {
  std::size_t outputs = 0;
  std::size_t inputs = 0;
};

/// A layer of a network, as another program keeps it.
struct ForeignLayer {
  ForeignArray weight;
  ForeignArray bias;
  /// Whether outputs are the columns of the weight: [3, 3, I, O] of a convolution, [I, O] of a
  /// dense layer. Else they are its rows: [O, I, 3, 3], [O, I].
  bool by_columns = false;
  std::optional<ForeignNorm> norm = {};        ///< between the layer and its ReLU
  std::optional<ForeignNorm> input_norm = {};  ///< of a dense layer, before it: a number for each
                                               ///< input, or for each channel of a map

  /// Of the weight, which must have two or four sides.
  ForeignSides sides() const;
};

/// A VGG16 as another program keeps it, perhaps with a top of its own: the layers behind block5.
struct ForeignVgg16 {
  std::vector<ForeignLayer> convs;  ///< In the order of the forward pass.
  std::vector<ForeignLayer> dense;  ///< kDenseLayers at most; none of a file without its top.
  /// Whether block5_pool is averaged over its positions, not flattened.
  bool averages = false;
  /// Whether what is flattened is [H, W, C], not [C, H, W].
  bool channels_last = false;
  /// What it was trained with, but for sides, which the weights tell.
  Preprocess preprocess;
  std::optional<int> side;  ///< of the input, where the file tells
  /// Whether it is a whole model as PyTorch saves it: its modules, not its forward pass.
  bool is_of_modules = false;
};

/// Rows, and columns, of block5_pool's output for an input of so many pixels along a side.
constexpr int grid_of(int side) { return side / static_cast<int>(kTotalStride); }

/// Whether no max-pool leaves out a row and a column of such an input.
constexpr bool is_whole_grid(int side) { return side % static_cast<int>(kTotalStride) == 0; }

/// The most sides of an array, and the most of a side; no weight's come near.
inline constexpr std::size_t kMostForeignRank = 8;
inline constexpr int kMostForeignSide = 1 << 30;

/// Of kinds of layers, say.
inline bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

/// The refusal of a part of a network by its kind, "layer", and name, for what it does.
std::unexpected<Error> unlike_vgg16(const std::string& kind, const std::string& name,
                                    const std::string& what);

/// Whether there are as many blocks of convolutions as a VGG16 has. pooling: what ends each.
Result<void> check_blocks(std::size_t blocks, const std::string& pooling);

/// kUnsupportedFormat, with its name, where so many convolutions are those of another VGG.
Result<void> check_other_vgg(std::size_t convs);

/// Whether the layers are those of a VGG16, fit together and lie in a file of so many bytes; the
/// rows, and columns, of block5_pool's output. kUnsupportedFormat, with what was found and
/// expected, or kCorruptModel if the file is too short.
Result<std::size_t> check_foreign(const ForeignVgg16& network, std::uint64_t file_bytes);

/// keras.applications.imagenet_utils, mode "caffe": BGR with the mean of each channel subtracted;
/// Keras's examples resize a photo to the input whatever its aspect.
inline constexpr Preprocess kKerasPreprocess = {.resize = ResizeRule::kSquash,
                                                .bgr = true,
                                                .scale = 1,
                                                .mean = {103.939f, 116.779f, 123.68f},
                                                .std = {1, 1, 1}};

}  // namespace gradcam
