#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gradcam/tensor/error.h"
#include "gradcam/weights/convert_model.h"
#include "gradcam/weights/safetensors.h"

namespace gradcam {

/// What a model file becomes if its numbers change and nothing else, but for the labels, if there
/// are any here, in the place of its own. Everything about the file is checked, so that nothing is
/// begun that cannot be loaded afterwards; only labels that are replaced need not fit.
///
/// Errors: those of Vgg16Loader::begin, and of check_labels.
Result<ConvertOptions> plan_conversion(SafetensorsHeader file, std::optional<Precision> precision,
                                       const std::vector<std::string>& labels);

}  // namespace gradcam
