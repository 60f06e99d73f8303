#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "tensor/error.h"
#include "tensor/tensor.h"
#include "weights/safetensors.h"

namespace gradcam {

inline constexpr std::size_t kConvLayers = 13;

/// The layers of VGG16 that have parameters, in the order of the forward pass, by their names in
/// Keras (and here): 13 convolutions, then 3 dense layers.
inline constexpr std::array<std::string_view, 16> kLayerNames = {
    "block1_conv1", "block1_conv2", "block2_conv1", "block2_conv2", "block3_conv1", "block3_conv2",
    "block3_conv3", "block4_conv1", "block4_conv2", "block4_conv3", "block5_conv1", "block5_conv2",
    "block5_conv3", "fc1",          "fc2",          "predictions"};

/// Whose names and layouts a file has.
enum class FileLayout {
  kKeras,        ///< Canonical: conv [O, 3, 3, I], dense [O, I], fc1 over the HWC flatten.
  kTorchvision,  ///< features.N, classifier.N: conv [O, I, 3, 3], fc1 over the CHW flatten.
  kTimm,         ///< features.N, pre_logits.fc1/fc2 as convolutions [O, C, H, W], head.fc.
};

/// "Keras", "torchvision" or "timm".
std::string_view file_layout_name(FileLayout layout);

/// Where the parameters of one layer are: indices into `SafetensorsHeader::tensors`.
struct LayerWeights {
  std::string name;                  ///< One of `kLayerNames`.
  Shape shape;                       ///< Canonical, whatever the file has: [O, 3, 3, I] or [O, I].
  std::size_t weight = 0;            ///< F64, F32, F16 or BF16; I8 if and only if `scale` is set.
  std::size_t bias = 0;              ///< [O], F64, F32, F16 or BF16.
  std::optional<std::size_t> scale;  ///< [O], F32: what an I8 weight of output o is multiplied by.
};

struct WeightMap {
  FileLayout layout = FileLayout::kKeras;
  std::size_t grid = 0;  ///< Rows and columns of block5_pool's output: input side / 32.
  std::array<LayerWeights, kLayerNames.size()> layers;
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
