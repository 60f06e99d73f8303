#pragma once

#include <cstddef>
#include <span>

#include "explain/context.h"
#include "explain/passes.h"

namespace gradcam {

/// Ablation-CAM: Desai and Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional
/// Network via Gradient-free Localization", 2020: ReLU(sum_k w_k A_k) with w_k = (Y - Y_k) / |Y|,
/// where Y_k is the class's logit with channel k of the layer set to zero. The paper divides by Y
/// itself, which for a negative logit would turn the map into its opposite; pytorch-grad-cam does.
///
/// At block5_conv3 and block5_pool one pass over fc1 gives what enters its ReLU without each
/// channel, and fc2 and predictions then run once for all of them. At other layers each channel
/// that is not silent costs the rest of a forward pass.
Result<PassPlan> ablation_cam(const ExplainContext& context, std::span<const std::size_t> classes);

}  // namespace gradcam
