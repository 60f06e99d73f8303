#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "explain/context.h"
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

/// Grad-CAM of any functions of the logits, at the context's layer; for `seeds` [n, classes] see
/// Vgg16::backward_to_fc1. At block5_conv3 and block5_pool steps 1 and 2 are taken together and
/// for all scores at once: pooling windows do not overlap, so the sum of the gradient over
/// block5_conv3 is its sum over block5_pool, and that needs no more of fc1 than its weights summed
/// over positions.
Result<std::vector<Heatmap>> grad_cam_of_scores(const ExplainContext& context, const Tensor& seeds);

/// Grad-CAM for each of the classes' logits.
Result<std::vector<Heatmap>> grad_cam(const ExplainContext& context,
                                      std::span<const std::size_t> classes);

/// The same at block5_conv3, after a forward pass.
Result<std::vector<Heatmap>> grad_cam(const Vgg16& model, const Activations& activations,
                                      std::span<const std::size_t> classes);

/// The same of the classes that several members have explained together; asked of member 0. `sign`
/// multiplies the scores.
std::vector<Heatmap> grad_cam(const Member& member);
std::vector<Heatmap> grad_cam(const Member& member, double sign);

}  // namespace gradcam
