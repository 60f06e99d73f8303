#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gradcam/tensor/error.h"

namespace gradcam {

/// The names of classes as people have them in files: a line each; a JSON list; Keras's class index
/// of ImageNet, {"0": ["n01440764", "tench"], ...}; or `class_indices`, {"beagle": 0, ...}. Of
/// names that occur twice in JSON, as in ImageNet's, the later ones get their number behind them.
///
/// kInvalidArgument for anything else, naming the line, and as check_labels.
Result<std::vector<std::string>> parse_labels(std::string_view text);

}  // namespace gradcam
