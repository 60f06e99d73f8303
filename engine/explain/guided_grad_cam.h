#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "explain/context.h"
#include "explain/heatmap.h"

namespace gradcam {

/// Guided Grad-CAM (Selvaraju et al., 2017, arXiv 1610.02391, section 3.2): guided backpropagation
/// times the Grad-CAM of the layer, enlarged to the input. A decoration like the former.
Result<std::vector<Heatmap>> guided_grad_cam(const ExplainContext& context,
                                             std::span<const std::size_t> classes);

}  // namespace gradcam
