#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "gradcam/train/trainer.h"

namespace gradcam {

/// The title of the picture, in its <title>.
inline constexpr std::string_view kCurvesTitle = "Fine-tuning: loss and accuracy by epoch";

/// The loss and the accuracy of training and validation, epoch by epoch, as an SVG picture with the
/// best epoch marked. Empty epochs give axes without curves.
std::string draw_curves(std::span<const Epoch> epochs, std::size_t best_epoch);

}  // namespace gradcam
