#include "gradcam/evaluate/trust.h"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "gradcam/evaluate/faithfulness.h"
#include "gradcam/evaluate/masking.h"

namespace gradcam {
namespace {

constexpr float kCoveredFrom = 0.5f;

/// What each pass begins with.
struct Masked {
  Tensor input;
  Tensor blurred;
  Tensor covered;
  Tensor covered_centre;
  std::array<std::vector<std::size_t>, 3>
      orders;  // of pixels: by the map, at random, by the centre
};

enum : std::uint8_t { kWhole, kBlurred, kCovered, kCoveredCentre, kInserted };

/// The first point of a curve is the blurred input, the last one the whole.
constexpr std::size_t kInsertions = kCurveSteps - 1;

Result<Tensor> start_of(const Masked& masked, std::size_t pass) {
  if (pass == kWhole) return masked.input.clone();
  if (pass == kBlurred) return masked.blurred.clone();
  if (pass == kCovered) return masked.covered.clone();
  if (pass == kCoveredCentre) return masked.covered_centre.clone();
  const std::size_t inserted = pass - kInserted;
  const std::vector<std::size_t>& order = masked.orders[inserted / kInsertions];
  const auto pixels = first_pixels(order, inserted % kInsertions + 1, kCurveSteps);
  return with_pixels(masked.blurred, pixels, masked.input);
}

Insertion insertion_of(std::span<const double> probabilities, std::size_t order) {
  const auto inserted = probabilities.subspan(kInserted + order * kInsertions, kInsertions);
  std::vector<double> curve = curve_of(probabilities[kBlurred], inserted, probabilities[kWhole]);
  const double area = area_under(curve);
  return {.area = area, .curve = std::move(curve)};
}

}  // namespace

Result<PassPlan<Trust>> plan_trust(const Vgg16& model, const Tensor& input, std::size_t class_index,
                                   const Heatmap& map) {
  GRADCAM_CHECK_OK(model.check_input(input));
  if (class_index >= model.classes()) {
    return fail(ErrorCode::kInvalidArgument, "a map is tested for a class of the model");
  }
  const auto masked = std::make_shared<Masked>();
  GRADCAM_TRY(masked->input, input.clone());
  GRADCAM_TRY(masked->blurred, blur(input));
  const std::array maps = {map, constant_map(), centre_map()};
  std::size_t warm = 0;
  for (std::size_t i = 0; i < maps.size(); ++i) {
    GRADCAM_TRY(const std::vector<float> heat, heat_of_pixels(maps[i], input));
    masked->orders[i] = hottest_first(heat);
    if (i == 0) {
      warm = static_cast<std::size_t>(
          std::ranges::count_if(heat, [](float value) { return value >= kCoveredFrom; }));
    }
  }
  const std::array<float, 3> colour = mean_colour(model.info().preprocess);
  const auto& [by_map, at_random, by_centre] = masked->orders;
  GRADCAM_TRY(masked->covered, cover(input, std::span(by_map).first(warm), colour));
  GRADCAM_TRY(masked->covered_centre, cover(input, std::span(by_centre).first(warm), colour));
  const double area = static_cast<double>(warm) / static_cast<double>(by_map.size());
  const auto outcome = [=, &model](const Tensor& logits) -> Result<Trust> {
    const std::vector<double> probabilities = probabilities_of(model, class_index, logits);
    return Trust{.probability = probabilities[kWhole],
                 .covered_area = area,
                 .covered = probabilities[kCovered],
                 .covered_centre = probabilities[kCoveredCentre],
                 .map = insertion_of(probabilities, 0),
                 .random_order = insertion_of(probabilities, 1),
                 .centre = insertion_of(probabilities, 2)};
  };
  return PassPlan<Trust>{
      .passes = {.count = kInserted + masked->orders.size() * kInsertions,
                 .start = [masked](std::size_t pass) { return start_of(*masked, pass); }},
      .outcome = outcome};
}

}  // namespace gradcam
