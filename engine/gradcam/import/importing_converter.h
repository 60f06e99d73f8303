#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "gradcam/import/importer.h"
#include "gradcam/tensor/error.h"
#include "gradcam/weights/convert_model.h"
#include "gradcam/weights/safetensors.h"

namespace gradcam {

/// Brings a model file of Keras, PyTorch or ONNX to the numbers, labels and classes that are
/// wanted, as ModelConverter does with safetensors: what ModelImporter makes goes straight into
/// one, and is never there as a whole. Without I/O, like both.
class ImportingConverter {
 public:
  /// What the new file is to be, from the header of the imported one.
  using Plan = std::function<Result<ConvertOptions>(const SafetensorsHeader& header)>;

  ImportingConverter(std::uint64_t file_bytes, ImportOptions options, Plan plan);

  /// What `provide` takes next of the old file, perhaps no bytes; none at the end.
  std::optional<FileRange> wanted() const { return importer_.wanted(); }

  /// Takes what is wanted and gives the next bytes of the new file, perhaps none, which are valid
  /// until the next call. Errors: those of ModelImporter, of the plan and of ModelConverter.
  Result<std::span<const std::uint8_t>> provide(std::span<const std::uint8_t> bytes);

  /// Of the new file; 0 until its first bytes are given.
  std::uint64_t file_bytes() const { return converter_ ? converter_->file_bytes() : 0; }

 private:
  Result<void> begin();

  ModelImporter importer_;
  Plan plan_;
  std::optional<ModelConverter> converter_;
  std::vector<std::uint8_t> imported_;  // what is needed yet, and the offset at which it begins
  std::uint64_t offset_ = 0;
  std::vector<std::uint8_t> out_;
};

}  // namespace gradcam
