#pragma once

#include <cstddef>
#include <vector>

#include "gradcam/explain/heatmap.h"
#include "gradcam/explain/passes.h"

namespace gradcam {

/// How the class's probability comes back while pixels are put into a blurred input, the hottest of
/// a map first (Petsiuk et al., "RISE", 2018, arXiv 1806.07421: Insertion).
struct Insertion {
  double area;                ///< under the curve
  std::vector<double> curve;  ///< kCurveSteps + 1 probabilities, from none to all of the pixels
};

/// Whether to believe one map: what tells maps that know the network from such as do not. (How much
/// is lost where pixels are deleted one after another, or dimmed by the map, does not tell them.)
struct Trust {
  double probability;  ///< of the class, for the whole input

  /// The share of the input where the map is at least one half, and the class's probability with
  /// that covered with the mean colour.
  double covered_area;
  double covered;
  double covered_centre;  ///< with as much covered around the middle, where centre_map() is hottest

  Insertion map;
  Insertion random_order;  ///< of pixels, without a map
  Insertion centre;        ///< of centre_map(), which knows nothing either
};

/// The model, which may be a member's share, must outlive the plan. kInvalidArgument for a class
/// or an input that is none of the model's, and for a map without values, or with some that are not
/// finite.
Result<PassPlan<Trust>> plan_trust(const Vgg16& model, const Tensor& input, std::size_t class_index,
                                   const Heatmap& map);

}  // namespace gradcam
