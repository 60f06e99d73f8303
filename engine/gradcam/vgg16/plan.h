#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "gradcam/tensor/error.h"
#include "gradcam/weights/names.h"

/// The layer plan of VGG16, configuration D of Simonyan and Zisserman, "Very Deep Convolutional
/// Networks for Large-Scale Image Recognition", 2015 (arXiv 1409.1556). The layers' names are
/// `kLayerNames`; their widths and the number of classes come from the weights file.
namespace gradcam {

/// Which of the 13 convolutions are followed by a 2x2 max-pool: the last of each block.
inline constexpr std::array<bool, kConvLayers> kEndsBlock = [] {
  std::array<bool, kConvLayers> ends{};
  std::size_t end = 0;
  for (const int convs : kConvsOfBlock) ends[(end += static_cast<std::size_t>(convs)) - 1] = true;
  return ends;
}();

/// The layers whose outputs are maps [H, W, C], after ReLU, and can be explained: the convolutions,
/// before they are pooled, by their index in `kLayerNames`, and block5_pool.
inline constexpr std::size_t kBlock1Conv2 = 1;
inline constexpr std::size_t kBlock5Conv3 = kConvLayers - 1;
inline constexpr std::size_t kBlock5Pool = kConvLayers;
inline constexpr std::size_t kMapLayers = kConvLayers + 1;

/// In the place of a map layer: the network's input.
inline constexpr std::size_t kInput = kMapLayers;

/// Max-pools in front of a map layer.
inline std::size_t pools_before(std::size_t map_layer) {
  if (map_layer == kInput) return 0;
  return static_cast<std::size_t>(std::count(
      kEndsBlock.begin(), kEndsBlock.begin() + static_cast<std::ptrdiff_t>(map_layer), true));
}

/// What of the input a cell of a map layer depends on, in pixels, padding and all: a square, the
/// middle of which is at (i + 1/2) * stride for the cell i of a row or a column.
struct ReceptiveField {
  std::size_t size;    ///< a side of the square
  std::size_t stride;  ///< from one cell to the next
};

/// By the recursion r_l = r_(l-1) + (k_l - 1) j_(l-1) of Araujo, Norris and Sim, "Computing
/// Receptive Fields of Convolutional Neural Networks", 2019 (Distill), where j is the stride.
ReceptiveField receptive_field(std::size_t map_layer);

/// layer: below kMapLayers.
constexpr std::string_view map_layer_name(std::size_t layer) {
  return layer == kBlock5Pool ? "block5_pool" : kLayerNames[layer];
}

/// The map layer of that name; capitals, "-" and " " for "_" do not matter. kInvalidArgument if
/// there is none, with the names of all and, for torchvision's ("features.29"), which one it is.
Result<std::size_t> find_map_layer(std::string_view name);

}  // namespace gradcam
