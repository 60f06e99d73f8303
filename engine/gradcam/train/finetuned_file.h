#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "gradcam/train/classifier.h"
#include "gradcam/weights/metadata.h"
#include "gradcam/weights/names.h"
#include "gradcam/weights/safetensors.h"

namespace gradcam {

/// Where the data of a tensor of a fine-tuned model's file come from.
struct TensorSource {
  std::size_t base = 0;                      ///< the tensor of the base file it stands for
  const DenseParameters* trained = nullptr;  ///< if set, not copied from there but these
  bool is_bias = false;                      ///< whether it is their bias
};

/// The plan of a fine-tuned model's file: the base's file, in its own names, layout and order, with
/// the trained layers in float32 instead of the base's.
struct FinetunedFile {
  SafetensorsHeader header;           ///< offsets assigned; `data_offset` is not
  std::vector<TensorSource> sources;  ///< one for each tensor of the header
  FileLayout layout = FileLayout::kKeras;
  std::size_t grid = 0;  ///< rows, and columns, of block5_pool's output, as WeightMap has it
};

/// kInvalidArgument for a trained layer that is none of the base's dense layers, or one whose width
/// does not fit the base.
Result<FinetunedFile> plan_finetuned_file(const SafetensorsHeader& base,
                                          std::span<const DenseParameters* const> trained,
                                          const ModelMetadata& metadata);

/// Row `row` of the weights of a trained tensor (of a bias, all its values) as the file has them.
std::vector<float> finetuned_row(const FinetunedFile& file, std::size_t tensor, std::size_t row);

}  // namespace gradcam
