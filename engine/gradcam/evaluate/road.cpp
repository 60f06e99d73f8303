#include "gradcam/evaluate/road.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "gradcam/evaluate/imputation.h"
#include "gradcam/evaluate/masking.h"

namespace gradcam {
namespace {

constexpr std::size_t kShares = kRoadPercents.size();
constexpr std::size_t kPassesAMap = 2 * kShares;

/// What the passes start from.
struct Removal {
  Tensor input;
  std::array<float, 3> noise = {};
  std::vector<std::vector<std::size_t>> orders;  // of each map, the hottest pixel first

  Result<Tensor> start(std::size_t pass) const {
    const std::span<const std::size_t> order = orders[pass / kPassesAMap];
    const std::size_t of_map = pass % kPassesAMap;
    const std::size_t count = order.size() * kRoadPercents[of_map % kShares] / 100;
    return impute(input, of_map < kShares ? order.first(count) : order.last(count), noise);
  }
};

/// A hundredth of a standard deviation of ImageNet's colours, as the authors' code has it, in the
/// network's input.
std::array<float, 3> noise_for(const Preprocess& spec) {
  const std::array<float, 3> imagenet = Preprocess{}.std;  // of pixels from 0 to 1, in RGB
  std::array<float, 3> noise = {};
  for (std::size_t c = 0; c < noise.size(); ++c) {
    noise[c] = 0.01f * imagenet[spec.bgr ? 2 - c : c] * 255 * spec.scale / spec.std[c];
  }
  return noise;
}

std::vector<Road> outcome(const std::vector<double>& probabilities) {
  std::vector<Road> roads(probabilities.size() / kPassesAMap);
  auto next = probabilities.begin();
  for (Road& road : roads) {
    for (auto* curve : {&road.hottest_first, &road.coldest_first}) {
      std::copy_n(std::exchange(next, next + kShares), kShares, curve->begin());
    }
  }
  return roads;
}

}  // namespace

double Road::score() const {
  double sum = 0;
  for (std::size_t i = 0; i < kShares; ++i) sum += coldest_first[i] - hottest_first[i];
  return sum / 2 / static_cast<double>(kShares);
}

Result<PassPlan<std::vector<Road>>> plan_road(const Vgg16& model, const Tensor& input,
                                              std::size_t class_index,
                                              std::span<const Heatmap> maps) {
  GRADCAM_CHECK_OK(model.check_input(input));
  if (class_index >= model.classes()) {
    return fail(ErrorCode::kInvalidArgument, "maps are measured for a class of the model");
  }
  const auto removal = std::make_shared<Removal>();
  GRADCAM_TRY(removal->input, input.clone());
  removal->noise = noise_for(model.info().preprocess);
  for (const Heatmap& map : maps) {
    GRADCAM_TRY(const std::vector<float> heat, heat_of_pixels(map, input));
    removal->orders.push_back(hottest_first(heat));
  }
  return PassPlan<std::vector<Road>>{
      .passes = {.count = maps.size() * kPassesAMap,
                 .start = [removal](std::size_t pass) { return removal->start(pass); }},
      .outcome = [class_index, &model](const Tensor& logits) -> Result<std::vector<Road>> {
        return outcome(probabilities_of(model, class_index, logits));
      }};
}

}  // namespace gradcam
