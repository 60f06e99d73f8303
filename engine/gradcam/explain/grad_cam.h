#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gradcam/explain/cam.h"
#include "gradcam/explain/context.h"
#include "gradcam/explain/heatmap.h"
#include "gradcam/tensor/tensor.h"
#include "gradcam/vgg16/vgg16.h"

/// Grad-CAM: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via
/// Gradient-based Localization", 2017 (arXiv 1610.02391), in its three steps:
///   1. the gradient of the class's logit (before the softmax) at the activations A of a layer,
///   2. alpha_k: its mean over the positions of each channel k,
///   3. the map ReLU(sum_k alpha_k A_k), here divided by its maximum.
namespace gradcam {

/// Steps 2 and 3. gradient: [H, W, C], or its means [1, 1, C].
Result<Heatmap> grad_cam_map(const LayerView& layer, const Tensor& gradient);

/// Step 3 from its sum.
Heatmap grad_cam_map_of_sum(const Tensor& sum, std::size_t channels);

inline constexpr Cam kGradCam = {
    .map = grad_cam_map, .gradient = GradientUse::kMeans, .map_of_sum = grad_cam_map_of_sum};

/// Grad-CAM for each of the classes' logits, in their order, at block5_conv3, after a forward pass.
/// kInvalidArgument for a class that does not exist, and for activations of another model;
/// kOutOfMemory. (Other methods and layers: explain.)
Result<std::vector<Heatmap>> grad_cam(const Vgg16& model, const Activations& activations,
                                      std::span<const std::size_t> classes);

}  // namespace gradcam
