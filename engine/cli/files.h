#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "vgg16/loader.h"

/// What the library leaves to its callers: reading and writing files.
namespace gradcam {

/// A file's bytes. The error names the fault, not the file.
Result<std::vector<std::uint8_t>> read_file(const std::filesystem::path& path);

Result<void> write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);

/// Loads a model in pieces of some megabytes, so that the file is never in memory as a whole.
Result<Vgg16> load_model(const std::filesystem::path& path, const LoadOptions& options = {});

/// The model that comes with the program: beside the build tree it was built in, or in the share
/// folder it was installed to; empty if there is none.
std::filesystem::path default_model();

/// The photos that an argument stands for: the file itself, or those in a folder and the folders
/// below it, sorted by path. Files in folders count as photos by their extension.
Result<std::vector<std::filesystem::path>> list_photos(const std::filesystem::path& path);

}  // namespace gradcam
