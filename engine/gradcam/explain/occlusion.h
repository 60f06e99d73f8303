#pragma once

#include <cstddef>
#include <span>

#include "gradcam/explain/context.h"
#include "gradcam/explain/passes.h"

namespace gradcam {

/// Occlusion: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014
/// (arXiv 1311.2901): by how much the class's logit falls when a patch is covered with the mean
/// colour (see mean_colour). As many cells as block5_conv3 has; the patch is two cells wide and
/// high around the cell's centre, so that it cannot miss what lies between two cells. A forward
/// pass a cell; no gradient, no layer to choose: the slow reference.
Result<MapPlan> occlusion(const PassContext& context, std::span<const std::size_t> classes);

}  // namespace gradcam
