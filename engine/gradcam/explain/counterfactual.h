#pragma once

#include <cstddef>
#include <span>

#include "gradcam/explain/cam.h"
#include "gradcam/explain/grad_cam.h"

namespace gradcam {

/// Where the network saw evidence against each class: Grad-CAM of the negative gradient (Selvaraju
/// et al., 2017, arXiv 1610.02391, section 3.3, "Counterfactual Explanations").
Result<Tensor> negative_scores(const Vgg16& model, const Activations& activations,
                               std::span<const std::size_t> classes);

inline constexpr Cam kCounterfactual = {.map = grad_cam_map,
                                        .gradient = GradientUse::kMeans,
                                        .map_of_sum = grad_cam_map_of_sum,
                                        .scores = negative_scores};

}  // namespace gradcam
