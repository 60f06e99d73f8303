#pragma once

#include <array>
#include <cstddef>

#include "weights/names.h"

/// The layer plan of VGG16, configuration D of Simonyan and Zisserman, "Very Deep Convolutional
/// Networks for Large-Scale Image Recognition", 2015 (arXiv 1409.1556). The layers' names are
/// `kLayerNames`; their widths and the number of classes come from the weights file.
namespace gradcam {

/// Which of the 13 convolutions are followed by a 2x2 max-pool: the last of each block.
inline constexpr std::array<bool, kConvLayers> kEndsBlock = {
    false, true, false, true, false, false, true, false, false, true, false, false, true};

/// A side of the input in pixels over a side of the last max-pool's output.
inline constexpr std::size_t kTotalStride = 32;

}  // namespace gradcam
