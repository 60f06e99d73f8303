#pragma once

#include "gradcam/explain/cam.h"
#include "gradcam/explain/heatmap.h"

namespace gradcam {

/// Eigen-CAM: Muhammad and Yeasin, "Eigen-CAM: Class Activation Map using Principal Components",
/// 2020 (arXiv 2008.00299): the activations of the layer, positions by channels, projected onto
/// their first right singular vector. The same for every class: it shows what the layer responds to
/// most. As in the paper nothing is subtracted first; pytorch-grad-cam subtracts each channel's
/// mean, "otherwise the image returned is negative", which is the singular vector's sign and
/// settled here by `first_component`.
Result<Heatmap> eigen_cam_map(const LayerView& layer, const Tensor& gradient);

inline constexpr Cam kEigenCam = {.map = eigen_cam_map, .gradient = GradientUse::kNone};

}  // namespace gradcam
