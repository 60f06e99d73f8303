#pragma once

#include <span>
#include <vector>

#include "gradcam/explain/context.h"
#include "gradcam/explain/heatmap.h"
#include "gradcam/tensor/tensor.h"

/// What the CAM methods share. Each says what every channel contributes at every position,
/// [H, W, C]; the map is the sum over the channels, or, smoothed, their first principal component.
namespace gradcam {

/// An error unless activation and gradient are both [H, W, C], and not empty.
Result<void> check_cam_inputs(const Tensor& activation, const Tensor& gradient);

/// The mean of a gradient [H, W, C] over its positions, [C]; of none there is none.
std::vector<float> channel_means(const Tensor& gradient);

/// alpha_k A_k: [H, W, C] from an activation [H, W, C] and weights [C].
Result<Tensor> weighted_channels(const Tensor& activation, std::span<const float> alpha);

/// term(g, a) for each cell and channel.
template <class Term>
Result<Tensor> elementwise_contributions(const Tensor& activation, const Tensor& gradient,
                                         Term&& term) {
  GRADCAM_CHECK_OK(check_cam_inputs(activation, gradient));
  GRADCAM_TRY(Tensor result, Tensor::zeros(activation.shape()));
  for (std::size_t i = 0; i < result.size(); ++i) {
    result.data()[i] = term(gradient.data()[i], activation.data()[i]);
  }
  return result;
}

/// ReLU(sum_k alpha[k] A[., ., k]), normalised. activation: [H, W, C], alpha: [C].
Result<Heatmap> weighted_map(const Tensor& activation, std::span<const float> alpha);

/// The sum over the channels of [H, W, C], or their first principal component if the view asks for
/// it, as a map.
Result<Heatmap> combine_channels(const LayerView& layer, const Tensor& contributions);

/// combine_channels(alpha_k A_k) of the layer.
Result<Heatmap> combine_weighted(const LayerView& layer, std::span<const float> alpha);

/// The projection of the positions of x [H, W, C], vectors of C, onto their first right singular
/// vector; less their mean if `centred`, which makes it the first principal component.
/// A singular vector has no sign of its own. It gets the one that agrees with the sum over the
/// channels, so that more of what contributes is hotter; pytorch-grad-cam keeps whatever sign its
/// LAPACK gave, and its maps turn into their negatives from one machine to another.
/// All zero where all positions are equal (centred) or zero.
Result<std::vector<double>> first_component(const Tensor& x, bool centred);

}  // namespace gradcam
