#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "explain/heatmap.h"
#include "vgg16/vgg16.h"

/// A Grad-CAM map at block5_conv3 taken apart, for people who want to see how it was made and
/// whether to believe it.
namespace gradcam {

/// What one channel of block5_conv3 has to do with a class.
struct ChannelPart {
  std::size_t channel;
  float alpha;  ///< its weight in the map
  float share;  ///< of sum_k |alpha_k| sum_ij A_k: its part in everything that was added up
};

/// The channels that add most to the class's map, at most `count`, the strongest first, of an
/// activation [H, W, C] and its alpha [C]. Channels that speak against the class, or are zero
/// everywhere, are not among them.
std::vector<ChannelPart> strongest_channels(const Tensor& activation, std::span<const float> alpha,
                                            std::size_t count);

/// The network on a photo without what a map says it looked at.
struct Covered {
  float area;         ///< the share of the input that was covered
  float probability;  ///< the class's probability without it
};

/// Covers the input [size, size, 3] with the mean colour where the map is at least one half, and
/// classifies that.
Result<Covered> classify_covered(const Vgg16& model, const Tensor& input, const Heatmap& map,
                                 std::size_t class_index);

}  // namespace gradcam
