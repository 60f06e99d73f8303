#include "gradcam/explain/trust.h"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <vector>

namespace gradcam {
namespace {

/// Covers the input with a colour where the map is hot; returns the share of it that was.
float cover(const Heatmap& map, const std::array<float, 3>& colour, Tensor& input) {
  const std::vector<float> heat = enlarge(map, input.dim(0), input.dim(1));
  std::size_t hot = 0;
  for (std::size_t pixel = 0; pixel < heat.size(); ++pixel) {
    if (heat[pixel] < 0.5f) continue;
    ++hot;
    std::ranges::copy(colour, input.data() + pixel * colour.size());
  }
  return static_cast<float>(hot) / static_cast<float>(heat.size());
}

}  // namespace

Result<PassPlan<Trust>> plan_trust(const Vgg16& model, const Tensor& input, std::size_t class_index,
                                   const Heatmap& map) {
  const std::array maps = {map, constant_map(), centre_map()};
  GRADCAM_TRY(const auto plan, plan_faithfulness(model, input, class_index, maps));
  const auto covered = std::make_shared<Tensor>();
  GRADCAM_TRY(*covered, input.clone());
  const float area = cover(map, mean_colour(model.info().preprocess), *covered);
  const std::size_t count = plan.passes.count;
  const auto start = [=](std::size_t pass) {
    return pass < count ? plan.passes.start(pass) : covered->clone();
  };
  const auto outcome = [=, &model](const Tensor& logits) -> Result<Trust> {
    GRADCAM_TRY(const std::vector<Faithfulness> measured, plan.outcome(logits));
    const auto last = logits.values().last(model.logits());
    return Trust{.map = measured[0],
                 .random_order = measured[1],
                 .centre = measured[2],
                 .covered = {.area = area, .probability = model.probabilities(last)[class_index]}};
  };
  return PassPlan<Trust>{.passes = {.count = count + 1, .start = start}, .outcome = outcome};
}

}  // namespace gradcam
