#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "explain/heatmap.h"
#include "tensor/tensor.h"
#include "vgg16/member.h"
#include "vgg16/vgg16.h"

/// Grad-CAM: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via
/// Gradient-based Localization", 2017 (arXiv 1610.02391), in its three steps:
///   1. the gradient of the class's logit (before the softmax) at the activations A of a layer,
///   2. alpha_k: its mean over the positions of each channel k,
///   3. the map ReLU(sum_k alpha_k A_k), here divided by its maximum.
namespace gradcam {

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

/// Where the network saw evidence against each class: Grad-CAM of the negative gradient (section
/// 3.3 of the paper, "Counterfactual Explanations").
Result<std::vector<Heatmap>> counterfactual(const Vgg16& model, const Activations& activations,
                                            std::span<const std::size_t> classes);

/// The same of the classes that several members have explained together; asked of member 0.
std::vector<Heatmap> grad_cam(const Member& member);
std::vector<Heatmap> counterfactual(const Member& member);

}  // namespace gradcam
