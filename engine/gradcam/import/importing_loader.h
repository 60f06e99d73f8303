#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "gradcam/import/importer.h"
#include "gradcam/tensor/error.h"
#include "gradcam/vgg16/loader.h"
#include "gradcam/weights/safetensors.h"

namespace gradcam {

/// Builds a Vgg16 from a model file of Keras, PyTorch or ONNX, as Vgg16Loader does from
/// safetensors: what ModelImporter makes goes straight into one, and is never there as a whole.
/// Without I/O, like both.
///
///   while (wanted()) provide(those bytes);  finish()
class ImportingLoader {
 public:
  /// `load.leave_fc1` is refused: there is no safetensors file to leave it in.
  ImportingLoader(std::uint64_t file_bytes, ImportOptions import, LoadOptions load = {});

  /// What `provide` takes next of the old file, perhaps no bytes; none at the end.
  std::optional<FileRange> wanted() const { return importer_.wanted(); }

  /// Takes what is wanted. Errors: those of ModelImporter and of Vgg16Loader.
  Result<void> provide(std::span<const std::uint8_t> bytes);

  /// The model, or the share of it, once nothing is wanted any more; a loader gives only one.
  Result<Vgg16> finish();

 private:
  ModelImporter importer_;
  LoadOptions load_;
  std::optional<Vgg16Loader> loader_;
  std::size_t tensor_ = 0;
  std::uint64_t next_ = 0;              // where its next row begins
  std::vector<std::uint8_t> imported_;  // what is needed yet, and the offset at which it begins
  std::uint64_t offset_ = 0;
};

/// Loads a whole model file of Keras, PyTorch or ONNX (see is_foreign_model) that is in memory, or
/// mapped into it, with the preprocessing that belongs to it. An ONNX file whose weights are in
/// another one needs an ImportingLoader. kUnsupportedFormat for what is no such file, as our own,
/// which load_vgg16 reads; kCorruptModel; kOutOfMemory.
Result<Vgg16> import_vgg16(std::span<const std::uint8_t> file, const LoadOptions& options = {});

}  // namespace gradcam
