#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "explain/context.h"
#include "explain/heatmap.h"

namespace gradcam {

/// EigenGrad-CAM, which has no paper but pytorch-grad-cam's code: the first principal component of
/// g * A, elementwise, for the gradient g = dY/dA of the class's logit. As there, channels are
/// centred; unlike there, the sign is settled (see `first_component`).
Result<std::vector<Heatmap>> eigen_grad_cam(const ExplainContext& context,
                                            std::span<const std::size_t> classes);

}  // namespace gradcam
