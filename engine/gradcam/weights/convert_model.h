#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "gradcam/tensor/error.h"
#include "gradcam/weights/metadata.h"
#include "gradcam/weights/names.h"
#include "gradcam/weights/safetensors.h"

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

/// Of "f32", "f16", "int8" or "int4"; nothing for any other name.
std::optional<Precision> precision_from_name(std::string_view name);

struct ConvertOptions {
  /// If none, each layer stays as it is stored, but F64 and BF16 become F32.
  std::optional<Precision> precision = Precision::kFloat32;
  std::vector<std::size_t> classes;  ///< The outputs of `predictions` to keep, in their new order;
                                     ///< empty for all.
  bool others = false;  ///< The outputs that are not kept become `others` (see WeightMap), if the
                        ///< file has none yet.
  ModelMetadata metadata;  ///< What the new file says of itself.
};

/// Writes a VGG16 again: old number formats to the wanted ones, names and layouts to Keras's.
/// Without I/O: it is given the old file some megabytes at a time, in the order in which it asks
/// for them, and gives the new file from the first byte to the last.
///
///   create(header) -> beginning(), then provide(bytes of wanted()) until nothing is wanted
class ModelConverter {
 public:
  /// kCorruptModel as map_names; kInvalidArgument for a class that the model does not have.
  static Result<ModelConverter> create(SafetensorsHeader file, ConvertOptions options);

  /// The new file up to its tensors' data; and how many bytes it will have in all.
  std::span<const std::uint8_t> beginning() const { return beginning_; }
  std::uint64_t file_bytes() const { return file_bytes_; }

  /// What `provide` takes next of the old file; none at the end.
  std::optional<FileRange> wanted() const;

  /// Of the old file, what lies before this will not be wanted any more. The parts that are wanted
  /// follow one another, but for those of `predictions` where classes are picked.
  std::uint64_t needs_from() const;

  /// Gives the next bytes of the new file, which are valid until the next call. kCorruptModel for
  /// values that are not finite, kInvalidArgument for those too large for float16, naming tensor
  /// and row, or if the bytes are not as many as are wanted.
  Result<std::span<const std::uint8_t>> provide(std::span<const std::uint8_t> bytes);

 private:
  /// Some rows of a tensor of the old file, and what they become.
  struct Step {
    enum class Part { kOldScales, kWeight, kBias };

    std::size_t layer;  ///< the one behind the last for the others
    Part part;
    std::size_t first;  ///< row
    std::size_t count;
    bool ends_part;
  };

  ModelConverter() = default;

  void plan(std::size_t layer);
  FileRange range(const Step& step) const;
  const LayerWeights& weights(std::size_t layer) const;
  const TensorInfo& tensor(const Step& step) const;
  Result<void> decode(std::size_t layer, std::size_t row, std::span<const std::uint8_t> bytes);
  Result<void> encode(std::size_t layer);
  Result<void> convert_rows(const Step& step, std::span<const std::uint8_t> bytes);
  template <class Bits>
  void append_little_endian(Bits bits);
  void append_floats(std::span<const float> values);

  SafetensorsHeader file_;
  WeightMap map_;
  ConvertOptions options_;
  std::vector<std::uint8_t> beginning_;
  std::uint64_t file_bytes_ = 0;
  std::vector<Step> steps_;
  std::size_t next_ = 0;
  std::vector<float> old_scales_;  // of the layer
  std::vector<float> new_scales_;
  std::vector<std::uint8_t> out_;
  std::vector<float> row_;
  std::vector<float> scratch_;
  std::vector<std::int8_t> int8_;
};

/// Fills `bytes` with what the old file holds from `offset` on.
using ReadBytes = std::function<Result<void>(std::uint64_t offset, std::span<std::uint8_t> bytes)>;

/// Takes the next bytes of the new file.
using WriteBytes = std::function<Result<void>(std::span<const std::uint8_t> bytes)>;

/// Runs a ModelConverter. Besides its errors: those of `read` and `write`.
Result<void> convert_model(ModelConverter& converter, const ReadBytes& read,
                           const WriteBytes& write);

}  // namespace gradcam
