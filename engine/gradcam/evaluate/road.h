#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "gradcam/explain/heatmap.h"
#include "gradcam/explain/passes.h"
#include "gradcam/vgg16/vgg16.h"

namespace gradcam {

/// How many of the pixels are taken away, in percent.
inline constexpr std::array<std::size_t, 4> kRoadPercents = {20, 40, 60, 80};

/// "Remove and debias" (Rong et al., "A Consistent and Efficient Evaluation Strategy for
/// Attribution Methods", 2022, arXiv 2202.00449): the class's probability after so many pixels were
/// taken away and guessed from those that are left (see impute). Where they are covered instead,
/// the shape of the cover, which is the map's, tells the network something, too.
struct Road {
  std::array<double, kRoadPercents.size()> hottest_first = {};  ///< "MoRF"; low is good
  std::array<double, kRoadPercents.size()> coldest_first = {};  ///< "LeRF"; high is good

  /// Half of by how much the second are above the first on average, as pytorch-grad-cam's
  /// ROADCombined: from -0.5 to 0.5; of a map that says nothing 0.
  double score() const;
};

/// How maps of one class of one input do: 8 forward passes for each map. Pixels of equal heat
/// follow one another in an order that is random and always the same. The model must outlive the
/// plan. kInvalidArgument as in plan_faithfulness.
Result<PassPlan<std::vector<Road>>> plan_road(const Vgg16& model, const Tensor& input,
                                              std::size_t class_index,
                                              std::span<const Heatmap> maps);

}  // namespace gradcam
