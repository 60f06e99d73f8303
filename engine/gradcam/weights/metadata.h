#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gradcam/tensor/error.h"

namespace gradcam {

/// The `architecture` of a file that is a last layer alone, see Head.
inline constexpr std::string_view kHeadArchitecture = "vgg16-head";

/// What `others` are called where no file says.
inline constexpr std::string_view kUnnamedOthers = "something else";

/// What a model file says about itself in its `__metadata__`.
struct ModelMetadata {
  std::vector<std::string> labels;  ///< One per class, in the order of the logits; may be empty.
  std::string others;               ///< What the file's `others` know (WeightMap): "another breed";
                                    ///< "" if absent.
  std::string preprocess;           ///< JSON text, "" if absent; read by the image room.
  std::string source;               ///< Where the weights come from, "" if absent.
  std::string license;              ///< Their licence, "" if absent.
  float temperature = 1;            ///< Logits are divided by it before the softmax.
  float unsure_below = 0;  ///< If the best class has less probability, the answer is "not sure".
};

/// Reads the metadata of a safetensors header. A file without our `format` key, or with another
/// program's (timm writes "pt"), is a plain weights file: all fields keep their defaults unless
/// the keys are there. Unknown keys are ignored.
///
/// kCorruptModel if `format` names another version of ours, if `architecture` is not vgg16, if
/// `labels` is not a JSON array of distinct, non-empty strings, `temperature` not a positive number
/// or `unsure_below` not one between 0 and 1, or if `labels` or `others` have control characters.
Result<ModelMetadata> parse_metadata(const std::map<std::string, std::string>& metadata);

/// Whether a file may have these labels, one after the other: kInvalidArgument if they would not be
/// read as they were written.
Result<void> check_labels(const std::vector<std::string>& labels);
/// And whether they are as many as a model has classes.
Result<void> check_labels(const std::vector<std::string>& labels, std::size_t classes);

/// The inverse of parse_metadata: what to write into a file's header. Fields at their defaults are
/// left out.
std::map<std::string, std::string> serialize_metadata(const ModelMetadata& metadata);

}  // namespace gradcam
