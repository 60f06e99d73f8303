#pragma once

#include <cstddef>
#include <span>

#include "gradcam/explain/cam.h"
#include "gradcam/explain/grad_cam.h"

namespace gradcam {

/// Why this class and not those it is confused with. Finer-CAM: Zhang et al., "Finer-CAM: Spotting
/// the Difference Reveals Finer Details for Visual Explanation", 2025 (arXiv 2501.11309): Grad-CAM
/// of Y_c - mean(Y_d) over the three classes d whose logits are nearest Y_c (all others, if there
/// are fewer). alpha, the weight of that mean, is 1, and each d counts the same. pytorch-grad-cam
/// weighs them by their probabilities instead, and lets the gradient through those weights;
/// torch-cam takes alpha = 0.6.
Result<Tensor> finer_scores(const Vgg16& model, const Activations& activations,
                            std::span<const std::size_t> classes);

inline constexpr Cam kFinerCam = {.map = grad_cam_map,
                                  .gradient = GradientUse::kMeans,
                                  .map_of_sum = grad_cam_map_of_sum,
                                  .scores = finer_scores};

}  // namespace gradcam
