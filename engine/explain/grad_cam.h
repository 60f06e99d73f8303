#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"
#include "vgg16/vgg16.h"

/// Grad-CAM: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via
/// Gradient-based Localization", 2017 (arXiv 1610.02391), in its three steps:
///   1. the gradient of the class's logit (before the softmax) at the activations A of a layer,
///   2. alpha_k: its mean over the positions of each channel k,
///   3. the map ReLU(sum_k alpha_k A_k), here divided by its maximum.
namespace gradcam {

enum class HeatmapStatus {
  kOk,
  kEmpty,      ///< no positive evidence for the class at this layer: the map is all zero
  kNonFinite,  ///< the network overflowed: the map is all zero and means nothing
};

/// "ok", "empty", "non_finite".
std::string_view heatmap_status_name(HeatmapStatus status);

/// Where the network looked: [rows, cols], row-major, from 0 to 1 with the maximum 1, or all zero.
struct Heatmap {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<float> values;
  float maximum = 0;  ///< of the raw map, in units of the logit per cell; comparable over classes
  HeatmapStatus status = HeatmapStatus::kEmpty;
};

/// Step 2: the mean of a gradient [H, W, C] over its positions, [C].
std::vector<float> channel_means(const Tensor& gradient);

/// Step 3: ReLU(sum_k alpha[k] A[., ., k]), normalised. activation: [H, W, C], alpha: [C].
Result<Heatmap> weighted_map(const Tensor& activation, std::span<const float> alpha);

/// Grad-CAM at block5_conv3 for each of the classes, after a forward pass. Steps 1 and 2 are taken
/// together and for all classes at once: pooling windows do not overlap, so the mean of the
/// gradient over block5_conv3 is its sum over block5_pool divided by the number of positions of
/// block5_conv3, and that sum needs no more of fc1 than its weights summed over positions.
Result<std::vector<Heatmap>> grad_cam(const Vgg16& model, const Activations& activations,
                                      std::span<const std::size_t> classes);

}  // namespace gradcam
