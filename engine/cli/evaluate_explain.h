#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cli/labelled_photos.h"
#include "gradcam/explain/json.h"
#include "gradcam/explain/methods.h"
#include "gradcam/vgg16/vgg16.h"

namespace gradcam {

/// What --help says of `evaluate --explain`.
extern const std::string_view kExplainEvaluationHelp;

/// Which maps are measured, and how.
struct ExplanationMeasures {
  std::vector<Method> methods;
  std::size_t photos = 0;  ///< how many, evenly spread; 0 for all
  std::size_t slow = 0;    ///< the same, of those, for methods that cost many forward passes
  bool road = false;       ///< takes pixels away and guesses them, too (see Road)
};

/// Measures the maps of the class that the model finds most probable, at block5_conv3, over photos
/// of its classes; over those with a mask, if there are any. The result, which
/// kExplainEvaluationHelp describes, does not depend on how many threads look at them.
Result<Json> evaluate_explanations(const Vgg16& model, const std::filesystem::path& model_path,
                                   std::vector<LabelledPhoto> photos,
                                   const ExplanationMeasures& measures, std::size_t threads,
                                   bool& some_failed);

}  // namespace gradcam
