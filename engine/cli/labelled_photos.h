#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <vector>

#include "cli/masks.h"
#include "gradcam/tensor/error.h"
#include "gradcam/vgg16/vgg16.h"

namespace gradcam {

struct LabelledPhoto {
  std::filesystem::path path;
  std::optional<std::size_t> label;  // nothing: a photo of none of the classes
  std::filesystem::path mask;        // empty if there is none
};

/// The photos of a folder that has a folder for each class. Folders that are no class of the model
/// are named and left out; some_failed: set if one of a class cannot be read or has no photos.
Result<std::vector<LabelledPhoto>> labelled_photos(const std::filesystem::path& folder,
                                                   const ModelInfo& info, const MaskFinder& masks,
                                                   bool& some_failed);

/// The photos of a folder, and of the folders in it, as photos of none of the classes.
Result<std::vector<LabelledPhoto>> other_photos(const std::filesystem::path& folder);

}  // namespace gradcam
