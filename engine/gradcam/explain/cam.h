#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gradcam/explain/channels.h"
#include "gradcam/explain/context.h"
#include "gradcam/explain/heatmap.h"

namespace gradcam {

/// What a method needs of the gradient at its layer.
enum class GradientUse {
  kWhole,   ///< all of it
  kFactor,  ///< as a factor of A: nothing where A is zero
  kMeans,   ///< over the positions of each channel
  kNone,    ///< nothing
};

/// The logits of the classes as scores: a row of seeds for each (see Vgg16::backward_to_fc1).
Result<Tensor> class_scores(const Vgg16& model, const Activations& activations,
                            std::span<const std::size_t> classes);

/// A class activation map: a method that looks at a layer's output A and at the gradient dY/dA of a
/// score there, and at nothing else. So one model can run it, or several members of one, who bring
/// the two together (see together.h).
struct Cam {
  /// The map of one score. gradient: [H, W, C]; where the means are enough it may be [1, 1, C], and
  /// where none is needed it is empty.
  Result<Heatmap> (*map)(const LayerView& layer, const Tensor& gradient) = nullptr;

  GradientUse gradient = GradientUse::kWhole;

  /// Not null where the means alpha are enough: the same map from sum_k alpha_k A_k, [H, W], over
  /// so many channels, which members add up without bringing A together.
  Heatmap (*map_of_sum)(const Tensor& sum, std::size_t channels) = nullptr;

  /// What Y is, for each of the classes: [classes, Vgg16::logits()], after a forward pass.
  Result<Tensor> (*scores)(const Vgg16& model, const Activations& activations,
                           std::span<const std::size_t> classes) = class_scores;
};

/// A map for each of the classes at the context's layer, after a forward pass. One pass over fc1
/// serves all; then one gradient at a time goes on through the convolutions. At block5_conv3 and
/// block5_pool the means come for all scores at once: pooling windows do not overlap, so the sum of
/// the gradient over block5_conv3 is its sum over block5_pool, and that needs no more of fc1 than
/// its weights summed over positions. kInvalidArgument for a Cam without `map`, a class or layer
/// that does not exist, and activations of another model.
Result<std::vector<Heatmap>> explain_by(const Cam& cam, const ExplainContext& context,
                                        std::span<const std::size_t> classes);

/// The maps of scores from their gradients, or, where none is needed, the same map `count` times.
Result<std::vector<Heatmap>> cam_maps(const Cam& cam, const LayerView& layer,
                                      std::span<const Tensor> gradients, std::size_t count);

/// A Cam's map that is what `Contribute` says of each channel at each position, added up.
template <Result<Tensor> (*Contribute)(const Tensor& activation, const Tensor& gradient)>
Result<Heatmap> sum_of(const LayerView& layer, const Tensor& gradient) {
  GRADCAM_TRY(const Tensor contributions, Contribute(layer.activation, gradient));
  return combine_channels(layer, contributions);
}

}  // namespace gradcam
