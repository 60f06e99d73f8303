#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "gradcam/import/importing_converter.h"
#include "gradcam/tensor/error.h"
#include "gradcam/vgg16/loader.h"

namespace gradcam {

/// Whether a file is a model of Keras, PyTorch or ONNX, by its first bytes.
bool is_foreign_model(const std::filesystem::path& path);

/// Takes the next bytes of a new file, which will have so many.
using WritePart =
    std::function<Result<void>(std::span<const std::uint8_t> bytes, std::uint64_t file_bytes)>;

/// Converts one; its weights may be in a file beside it, which must not be `out`. Errors: those of
/// `write`, and others.
Result<void> import_model(const std::filesystem::path& path, const std::filesystem::path& out,
                          ImportOptions options, ImportingConverter::Plan plan,
                          const WritePart& write);

/// Converts one without changes, likewise; without a name for the new file, which may be none.
Result<void> import_model(const std::filesystem::path& path, const std::filesystem::path& out,
                          const WritePart& write);

/// The bytes of the safetensors file that one becomes. Errors name no file.
Result<std::vector<std::uint8_t>> import_bytes(const std::filesystem::path& path);

/// Loads one as load_model does. Errors name no file.
Result<Vgg16> import_vgg16(const std::filesystem::path& path, const LoadOptions& options);

}  // namespace gradcam
