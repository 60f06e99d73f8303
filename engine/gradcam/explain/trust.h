#pragma once

#include <cstddef>

#include "gradcam/explain/faithfulness.h"
#include "gradcam/explain/heatmap.h"
#include "gradcam/explain/passes.h"

namespace gradcam {

/// The network on a photo without what a map says it looked at.
struct Covered {
  float area;         ///< the share of the input that was covered
  float probability;  ///< the class's probability without it
};

/// Whether to believe one map.
struct Trust {
  Faithfulness map;
  Faithfulness random_order;  ///< of pixels, without a map
  Faithfulness centre;        ///< of centre_map(), which knows nothing either
  Covered covered;
};

/// As plan_faithfulness, and one pass more: the input is covered with the mean colour where the map
/// is at least one half.
Result<PassPlan<Trust>> plan_trust(const Vgg16& model, const Tensor& input, std::size_t class_index,
                                   const Heatmap& map);

}  // namespace gradcam
