#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "explain/context.h"
#include "explain/heatmap.h"

namespace gradcam {

/// Grad-CAM as Chollet's Keras tutorial and many copies of it have it ("Grad-CAM class activation
/// visualization", keras.io, 2020; "Deep Learning with Python"): the score is the class's
/// probability, after the softmax (here with the model's temperature, as it is shown), and the map
/// the mean over the channels instead of their sum. Against the paper: the gradient of a
/// probability is that of the logit less the other classes', so that it shows what sets the class
/// apart, and where the network is sure it is next to nothing.
Result<std::vector<Heatmap>> grad_cam_tutorial(const ExplainContext& context,
                                               std::span<const std::size_t> classes);

}  // namespace gradcam
