#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "explain/json.h"
#include "explain/methods.h"

namespace gradcam {

struct LabelledPhoto {
  std::filesystem::path path;
  std::optional<std::size_t> label;  // nothing: a photo of none of the classes
  std::filesystem::path mask;        // empty if there is none
};

/// What --help says of `evaluate --explain`.
extern const std::string_view kExplainEvaluationHelp;

/// The methods of these names; all of them for "all".
Result<std::vector<Method>> find_methods(const std::vector<std::string>& names);

/// Measures the maps of the class that the model finds most probable, at block5_conv3, over
/// `limit` of the photos (0: all), evenly spread; of those with a mask, if there are any. What is
/// in the result is in kExplainEvaluationHelp.
Result<Json> evaluate_explanations(const Vgg16& model, const std::filesystem::path& model_path,
                                   std::vector<LabelledPhoto> photos,
                                   const std::vector<Method>& methods, std::size_t limit,
                                   bool& some_failed);

/// As a table.
void print_explanations(const Json& result);

}  // namespace gradcam
