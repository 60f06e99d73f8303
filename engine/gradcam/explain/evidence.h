#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gradcam/tensor/tensor.h"

/// A Grad-CAM map at block5_conv3 taken apart, for people who want to see how it was made.
namespace gradcam {

/// What one channel of block5_conv3 has to do with a class.
struct ChannelPart {
  std::size_t channel;
  float alpha;  ///< its weight in the map
  float share;  ///< of sum_k |alpha_k| sum_ij A_k: its part in everything that was added up
};

/// The channels that add most to the class's map, at most `count`, the strongest first, of an
/// activation [H, W, C] and its alpha [C], none of them empty. Channels that speak against the
/// class, or are zero everywhere, are not among them.
std::vector<ChannelPart> strongest_channels(const Tensor& activation, std::span<const float> alpha,
                                            std::size_t count);

}  // namespace gradcam
