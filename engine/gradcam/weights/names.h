#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "gradcam/tensor/error.h"
#include "gradcam/tensor/tensor.h"
#include "gradcam/weights/safetensors.h"

namespace gradcam {

inline constexpr std::size_t kConvLayers = 13;
inline constexpr std::size_t kDenseLayers = 3;

/// Convolutions up to each of the 2x2 max-pools.
inline constexpr std::array<int, 5> kConvsOfBlock = {2, 2, 3, 3, 3};

/// A side of the input in pixels over a side of the last max-pool's output.
inline constexpr std::size_t kTotalStride = 32;

/// The layers of VGG16 that have parameters, in the order of the forward pass, by their names in
/// Keras (and here): 13 convolutions, then 3 dense layers.
inline constexpr std::array<std::string_view, kConvLayers + kDenseLayers> kLayerNames = {
    "block1_conv1", "block1_conv2", "block2_conv1", "block2_conv2", "block3_conv1", "block3_conv2",
    "block3_conv3", "block4_conv1", "block4_conv2", "block4_conv3", "block5_conv1", "block5_conv2",
    "block5_conv3", "fc1",          "fc2",          "predictions"};

/// The dense layers by their index in kLayerNames.
inline constexpr std::size_t kFc1 = kConvLayers;
inline constexpr std::size_t kFc2 = kFc1 + 1;
inline constexpr std::size_t kPredictions = kFc1 + 2;

/// What may stand beside them in a file with these names: see WeightMap::others.
inline constexpr std::string_view kOthersName = "others";

/// Whose names and layouts a file has.
enum class FileLayout {
  kKeras,        ///< Canonical: conv [O, 3, 3, I], dense [O, I], fc1 over the HWC flatten.
  kTorchvision,  ///< features.N, classifier.N: conv [O, I, 3, 3], fc1 over the CHW flatten.
  kTimm,         ///< features.N, pre_logits.fc1/fc2 as convolutions [O, C, H, W], head.fc.
};

/// "Keras", "torchvision" or "timm".
std::string_view file_layout_name(FileLayout layout);

/// How a layer's weights are stored.
enum class WeightFormat {
  kFloat,  ///< F64, F32, F16 or BF16.
  kInt8,   ///< I8; output o counts weight_scale[o] times.
  kInt4,   ///< U8 [O, I / 2], rows packed as tensor/int4.h says, of a dense layer with I a multiple
           ///< of kInt4Block; each kInt4Group columns (weights/quantize.h) have a weight_scale.
};

/// Where the parameters of one layer are: indices into `SafetensorsHeader::tensors`.
struct LayerWeights {
  std::string name;  ///< One of `kLayerNames`, or `kOthersName`.
  Shape shape;       ///< Canonical, whatever the file has: [O, 3, 3, I] or [O, I].
  WeightFormat format = WeightFormat::kFloat;
  std::size_t weight = 0;            ///< NAME.weight
  std::size_t bias = 0;              ///< NAME.bias: [O], F64, F32, F16 or BF16.
  std::optional<std::size_t> scale;  ///< NAME.weight_scale, F32, unless the format is kFloat: [O]
                                     ///< for kInt8, [O, groups] for kInt4.
};

struct WeightMap {
  FileLayout layout = FileLayout::kKeras;
  std::size_t grid = 0;  ///< Rows and columns of block5_pool's output: input side / kTotalStride.
  std::array<LayerWeights, kLayerNames.size()> layers;
  /// More outputs behind those of `predictions`, for what is none of its classes: `others.weight`
  /// [others, fc2] and `others.bias`, in a file with Keras's names that has them. They are stored
  /// as those of `predictions` are.
  std::optional<LayerWeights> others;

  /// Outputs of the last layer, others included.
  std::size_t logits() const { return layers.back().shape[0] + (others ? others->shape[0] : 0); }
};

/// Finds the parameters of all layers in a file with the names of Keras, torchvision or timm.
///
/// The widths are the file's own, but they must fit together: each convolution takes what the one
/// before it gives (the first takes 3 channels), fc1 takes grid x grid x channels, and every bias
/// and scale has one value per output.
///
/// kCorruptModel, naming the tensor and what was expected, for a tensor that VGG16 does not have,
/// for missing tensors, and for wrong shapes or element types.
Result<WeightMap> map_names(const SafetensorsHeader& header);

}  // namespace gradcam
