#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "gradcam/explain/heatmap.h"
#include "gradcam/tensor/error.h"

/// Whether a map depends on what the network learned: it should be another one when weights are
/// shuffled (Adebayo et al., "Sanity Checks for Saliency Maps", 2018, arXiv 1810.03292).
namespace gradcam {

/// Spearman's rank correlation of two maps, the smaller enlarged; equal values share their mean
/// rank. 0 where one of the maps is constant, or has a NaN, which agrees with nothing.
double rank_correlation(const Heatmap& a, const Heatmap& b);

/// Shuffles the weights within each of the last `layers` layers with parameters, of `kLayerNames`,
/// of a safetensors file in memory: Adebayo's cascading randomisation, by permutation, so that each
/// layer keeps its distribution. Of int8 and int4, rows or groups change places with their scales,
/// and within them the numbers, of int4 in pairs. What the last layer knows beside its classes
/// (WeightMap::others) is shuffled with it, in itself. Biases stay. The same seed gives the same
/// order. kCorruptModel, as in loading.
Result<void> shuffle_weights(std::span<std::uint8_t> file, std::size_t layers, std::uint64_t seed);

}  // namespace gradcam
