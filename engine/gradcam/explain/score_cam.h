#pragma once

#include <cstddef>
#include <span>

#include "gradcam/explain/context.h"
#include "gradcam/explain/passes.h"

namespace gradcam {

/// Score-CAM: Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural
/// Networks", 2020 (arXiv 1910.01279): each channel of the layer, scaled to 0..1 and enlarged to
/// the input, masks the input; its weight is the softmax over the channels of the class's logits
/// Y_k for the masked inputs; ReLU(sum_k w_k A_k). The paper's baseline, the logit of an empty
/// input, is the same for all k and falls out of the softmax.
///
/// A forward pass a channel: only the `context.channels` channels of the greatest standard
/// deviation are tried (as in Faster Score-CAM), all for 0; the others weigh nothing. Masks are
/// enlarged with half-pixel centres, as everything here; pytorch-grad-cam aligns the corners.
Result<MapPlan> score_cam(const PassContext& context, std::span<const std::size_t> classes);

}  // namespace gradcam
