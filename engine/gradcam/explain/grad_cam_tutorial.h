#pragma once

#include <cstddef>
#include <span>

#include "gradcam/explain/cam.h"
#include "gradcam/explain/heatmap.h"

namespace gradcam {

/// Grad-CAM as Chollet's Keras tutorial and many copies of it have it ("Grad-CAM class activation
/// visualization", keras.io, 2020; "Deep Learning with Python"): the score is the class's
/// probability, after the softmax (here with the model's temperature, as it is shown), and the map
/// the mean over the channels instead of their sum. Against the paper: the gradient of a
/// probability is that of the logit less the other classes', so that it shows what sets the class
/// apart, and where the network is sure it is next to nothing.
Result<Tensor> tutorial_scores(const Vgg16& model, const Activations& activations,
                               std::span<const std::size_t> classes);
Result<Heatmap> tutorial_map(const LayerView& layer, const Tensor& gradient);
Heatmap tutorial_map_of_sum(const Tensor& sum, std::size_t channels);

inline constexpr Cam kGradCamTutorial = {.map = tutorial_map,
                                         .gradient = GradientUse::kMeans,
                                         .map_of_sum = tutorial_map_of_sum,
                                         .scores = tutorial_scores};

}  // namespace gradcam
