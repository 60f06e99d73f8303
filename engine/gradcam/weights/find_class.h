#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "gradcam/tensor/error.h"

namespace gradcam {

/// The class that a name stands for, by its index among a model's labels: the one with this very
/// label; or the only one whose label is the same but for capitals (of ASCII) and for whether words
/// are parted by "_", "-" or " ", as in "Golden retriever".
///
/// kInvalidArgument if there is none, or more than one. The message has the labels of the classes
/// that there are or, of many, those most like the name.
Result<std::size_t> find_class(std::span<const std::string> labels, std::string_view name);

}  // namespace gradcam
