#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace gradcam {

/// How many classes the official VGG16 files know: those of ImageNet's challenge (ILSVRC 2012).
inline constexpr std::size_t kImageNetClasses = 1000;

/// Their names, in the order of the logits: "tench", ..., "golden_retriever", ...
std::vector<std::string> imagenet_labels();

}  // namespace gradcam
