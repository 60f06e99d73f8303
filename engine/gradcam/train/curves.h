#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "gradcam/train/trainer.h"

namespace gradcam {

/// The loss and the accuracy of training and validation, epoch by epoch, as an SVG picture with the
/// best epoch marked. Empty epochs give axes without curves.
std::string draw_curves(std::span<const Epoch> epochs, std::size_t best_epoch);

}  // namespace gradcam
