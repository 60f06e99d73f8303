#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gradcam/explain/context.h"
#include "gradcam/explain/heatmap.h"

/// Guided backpropagation: Springenberg et al., "Striving for Simplicity: The All Convolutional
/// Net", 2015 (arXiv 1412.6806): the gradient of the class's logit at the input, where every ReLU
/// lets only positive gradients pass; of the three colours the largest absolute value, [size, size]
/// (Simonyan et al., 2014, arXiv 1312.6034). A decoration: it draws edges whatever the upper layers
/// hold (Adebayo et al., "Sanity Checks for Saliency Maps", 2018, arXiv 1810.03292). Has no layer
/// to choose.
namespace gradcam {

/// The gradient of each class's logit at the input, [size, size, 3], by the guided rule. The
/// activations must be complete down to the first layer.
Result<std::vector<Tensor>> guided_gradients(const ExplainContext& context,
                                             std::span<const std::size_t> classes);

/// The map of such a gradient.
Heatmap guided_backprop_map(const Tensor& gradient);

}  // namespace gradcam
