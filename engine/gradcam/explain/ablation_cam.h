#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gradcam/explain/context.h"
#include "gradcam/explain/heatmap.h"
#include "gradcam/explain/passes.h"

namespace gradcam {

/// Ablation-CAM: Desai and Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional
/// Network via Gradient-free Localization", 2020: ReLU(sum_k w_k A_k) with w_k = (Y - Y_k) / |Y|,
/// where Y_k is the class's logit with channel k of the layer set to zero. The paper divides by Y
/// itself, which for a negative logit would turn the map into its opposite; pytorch-grad-cam does.
///
/// At block5_conv3 and block5_pool the dense layers alone are left, and Vgg16 knows what each
/// channel that is not silent is to them (Vgg16::drops_without_channels). At other layers each of
/// them costs the rest of a forward pass: this is for those.
Result<MapPlan> ablation_cam(const PassContext& context, std::span<const std::size_t> classes);

/// The channels of a map [H, W, C] that are not zero everywhere: the others weigh nothing.
std::vector<std::size_t> audible_channels(const Tensor& map);

/// The maps of classes from what they lose, Y - Y_k, without each of these channels, [classes,
/// channels], and from Y itself.
Result<std::vector<Heatmap>> ablation_cam_maps(const LayerView& layer,
                                               std::span<const std::size_t> channels,
                                               const Tensor& drops, std::span<const float> scores);

}  // namespace gradcam
