#pragma once

#include <span>
#include <vector>

#include "gradcam/explain/heatmap.h"
#include "gradcam/tensor/tensor.h"

namespace gradcam {

/// Guided Grad-CAM (Selvaraju et al., 2017, arXiv 1610.02391, section 3.2): guided backpropagation
/// times the Grad-CAM of the layer, enlarged to the input. A decoration like the former.
Heatmap guided_grad_cam_map(const Heatmap& guided, const Heatmap& grad_cam);

/// A map of pixels, a few of which are so far above the others that these would not be seen. Where
/// others cut off all that is above the 99th percentile (Smilkov et al., "SmoothGrad", 2017, arXiv
/// 1706.03825, section 3), that hundredth of the pixels gets the last tenth of the scale, and the
/// others the rest: the order stays. A map that fills its scale, or is 0 nearly everywhere, stays
/// as it is.
Heatmap with_visible_edges(Heatmap map);

/// The maps of guided gradients at the input, times those of Grad-CAM, where there are any; with
/// visible edges.
std::vector<Heatmap> guided_maps(std::span<const Tensor> gradients,
                                 std::span<const Heatmap> grad_cam);

}  // namespace gradcam
