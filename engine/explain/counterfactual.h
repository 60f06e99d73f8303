#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "explain/context.h"
#include "explain/heatmap.h"
#include "vgg16/member.h"

namespace gradcam {

/// Where the network saw evidence against each class: Grad-CAM of the negative gradient (Selvaraju
/// et al., 2017, arXiv 1610.02391, section 3.3, "Counterfactual Explanations").
Result<std::vector<Heatmap>> counterfactual(const ExplainContext& context,
                                            std::span<const std::size_t> classes);

/// The same of the classes that several members have explained together; asked of member 0.
std::vector<Heatmap> counterfactual(const Member& member);

}  // namespace gradcam
