#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "explain/context.h"
#include "explain/heatmap.h"

namespace gradcam {

/// Eigen-CAM: Muhammad and Yeasin, "Eigen-CAM: Class Activation Map using Principal Components",
/// 2020 (arXiv 2008.00299): the activations of the layer, positions by channels, projected onto
/// their first right singular vector. The same for every class: it shows what the layer responds to
/// most. As in the paper nothing is subtracted first; pytorch-grad-cam subtracts each channel's
/// mean, "otherwise the image returned is negative", which is the singular vector's sign and
/// settled here by `first_component`.
Result<std::vector<Heatmap>> eigen_cam(const ExplainContext& context,
                                       std::span<const std::size_t> classes);

}  // namespace gradcam
