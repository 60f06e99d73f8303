#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tensor/error.h"
#include "weights/metadata.h"
#include "weights/safetensors.h"

namespace gradcam {

/// How the weights of a whole model are stored. Biases are always F32.
enum class Precision {
  kFloat32,
  kFloat16,
  kInt8,  ///< I8 with a scale for each output, as far as that is harmless: blocks 1 and 2, a five
          ///< hundredth of VGG16 whose errors go through all that follows, are F16.
  kInt4,  ///< As kInt8, but of fc1 and fc2 each weight takes 4 bits. `predictions`, whose errors go
          ///< into the logits as they are, does not.
};

/// "f32", "f16", "int8" or "int4".
std::optional<Precision> precision_from_name(std::string_view name);

struct ConvertOptions {
  Precision precision = Precision::kFloat32;
  std::vector<std::size_t> classes;  ///< The outputs of `predictions` to keep, in their new order;
                                     ///< empty for all.
  ModelMetadata metadata;            ///< What the new file says of itself.
};

/// Fills `bytes` with what the old file holds from `offset` on.
using ReadBytes = std::function<Result<void>(std::uint64_t offset, std::span<std::uint8_t> bytes)>;

/// Takes the next bytes of the new file.
using WriteBytes = std::function<Result<void>(std::span<const std::uint8_t> bytes)>;

/// The tensors of the new file, with Keras's names and layouts whatever those of the old file are.
/// kCorruptModel as map_names; kInvalidArgument for a class that the model does not have.
Result<std::vector<TensorInfo>> converted_tensors(const SafetensorsHeader& file,
                                                  const ConvertOptions& options);

/// Writes a VGG16 again: old names, layouts and number formats to the wanted ones. Reads and
/// writes some megabytes at a time, and writes from the first byte to the last.
///
/// Besides the errors of `read` and `write`: those of converted_tensors; kCorruptModel for values
/// that are not finite, kInvalidArgument for those too large for float16, naming tensor and row.
Result<void> convert_model(const SafetensorsHeader& file, const ConvertOptions& options,
                           const ReadBytes& read, const WriteBytes& write);

}  // namespace gradcam
