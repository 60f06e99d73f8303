#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "explain/context.h"
#include "explain/heatmap.h"
#include "explain/passes.h"

namespace gradcam {

/// Ablation-CAM: Desai and Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional
/// Network via Gradient-free Localization", 2020: ReLU(sum_k w_k A_k) with w_k = (Y - Y_k) / |Y|,
/// where Y_k is the class's logit with channel k of the layer set to zero. The paper divides by Y
/// itself, which for a negative logit would turn the map into its opposite; pytorch-grad-cam does.
///
/// At block5_conv3 and block5_pool one pass over fc1 gives what enters its ReLU without each
/// channel that is not silent, and fc2 and predictions then run once for all of them. At other
/// layers each of them costs the rest of a forward pass.
Result<PassPlan> ablation_cam(const ExplainContext& context, std::span<const std::size_t> classes);

/// The channels of a map [H, W, C] that are not zero everywhere: the others weigh nothing.
std::vector<std::size_t> audible_channels(const Tensor& map);

/// The maps from the logits without each of these channels and, in the last row, with all of them,
/// computed like the others, so that their rounding falls out of the differences: [channels + 1,
/// classes of the model].
Result<std::vector<Heatmap>> ablation_cam_maps(const LayerView& layer,
                                               std::span<const std::size_t> channels,
                                               const Tensor& logits,
                                               std::span<const std::size_t> classes);

}  // namespace gradcam
