#pragma once

#include <span>
#include <vector>

#include "gradcam/explain/heatmap.h"
#include "gradcam/tensor/tensor.h"

namespace gradcam {

/// Guided Grad-CAM (Selvaraju et al., 2017, arXiv 1610.02391, section 3.2): guided backpropagation
/// times the Grad-CAM of the layer, enlarged to the input. A decoration like the former.
Heatmap guided_grad_cam_map(const Heatmap& guided, const Heatmap& grad_cam);

/// The maps of guided gradients at the input, times those of Grad-CAM, where there are any.
std::vector<Heatmap> guided_maps(std::span<const Tensor> gradients,
                                 std::span<const Heatmap> grad_cam);

}  // namespace gradcam
