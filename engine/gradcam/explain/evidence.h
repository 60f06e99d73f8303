#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gradcam/tensor/tensor.h"

/// A Grad-CAM map taken apart, for people who want to see how it was made.
namespace gradcam {

/// What one channel of a layer has to do with a class.
struct ChannelPart {
  std::size_t channel;  ///< of the layer, counted from 0
  float alpha;          ///< its weight in the map
  /// alpha_k sum_ij A_k of sum_k |alpha_k| sum_ij A_k: its part in everything that is added up or
  /// taken away; below zero for what speaks against the class.
  float share;
};

/// sum_k alpha_k A_k, the map before its ReLU, as a sum of some channels and all others. Maps are
/// [H, W], row by row.
struct Evidence {
  /// The strongest that speak for the class, the strongest first, then those against it, as well.
  std::vector<ChannelPart> channels;
  float others_share;         ///< of all other channels together
  std::vector<float> others;  ///< sum_k alpha_k A_k of those
  std::vector<float> sum;     ///< of all
};

/// Takes the map of an activation [H, W, C], after ReLU, and its alpha [C] apart, none of them
/// empty: at most so many channels for the class and against it. None of them is zero everywhere.
Evidence take_apart(const Tensor& activation, std::span<const float> alpha, std::size_t count_for,
                    std::size_t count_against);

}  // namespace gradcam
