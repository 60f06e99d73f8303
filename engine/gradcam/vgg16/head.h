#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gradcam/tensor/tensor.h"
#include "gradcam/weights/metadata.h"

namespace gradcam {

/// A last layer without its network, as a small safetensors file: `predictions.weight` and
/// `predictions.bias` in F32, and in the metadata `format` as in a model, `architecture` =
/// "vgg16-head", `base`, `labels`, and optionally `temperature`, `unsure_below`, `source` and
/// `license`.
struct Head {
  std::string base;        ///< the `fingerprint` of the model (ModelInfo) that it was trained on
  ModelMetadata metadata;  ///< as many labels as classes; no preprocess
  Tensor weight;           ///< [classes, fc2]
  Tensor bias;             ///< [classes]
};

/// kCorruptModel for a file that is no head: other tensors, shapes that do not fit each other,
/// values that are not finite, labels missing.
Result<Head> parse_head(std::span<const std::uint8_t> file);

/// kInvalidArgument for a head that no file can have: weight, bias and labels that do not fit each
/// other, values that are not finite, labels as check_labels says, a temperature that is not above
/// 0, or an `unsure_below` that is not between 0 and 1.
Result<void> check_head(const Head& head);

/// The inverse of parse_head. kInvalidArgument as check_head says.
Result<std::vector<std::uint8_t>> serialize_head(const Head& head);

}  // namespace gradcam
