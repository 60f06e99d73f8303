#pragma once

#include <functional>
#include <span>
#include <vector>

#include "explain/channels.h"
#include "explain/context.h"
#include "explain/heatmap.h"

namespace gradcam {

/// A map for each score from its gradient dY/dA [H, W, C] at the context's layer; `seeds` [n,
/// classes] say what the scores are (see Vgg16::backward_to_fc1). One pass over fc1 serves all;
/// then one gradient at a time goes on through the convolutions.
Result<std::vector<Heatmap>> map_gradients(
    const ExplainContext& context, const Tensor& seeds,
    const std::function<Result<Heatmap>(const Tensor& gradient)>& map);

/// What each channel contributes at each position, from the activation and its gradient.
using Contributions = Result<Tensor> (*)(const Tensor& activation, const Tensor& gradient);

/// A method that is such a function, for the classes' logits.
Result<std::vector<Heatmap>> map_contributions(const ExplainContext& context,
                                               std::span<const std::size_t> classes,
                                               Contributions contributions);

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

}  // namespace gradcam
