#include "gradcam/evaluate/faithfulness.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>

#include "gradcam/evaluate/masking.h"

namespace gradcam {
namespace {

/// What the passes that measure maps start from, and what their logits mean.
class Measurement {
 public:
  Measurement(const Vgg16& model, std::size_t class_index, std::size_t steps)
      : model_(model),
        class_(class_index),
        steps_(steps),
        colour_(mean_colour(model.info().preprocess)) {}

  Result<void> set_input(const Tensor& input) {
    GRADCAM_TRY(input_, input.clone());
    GRADCAM_TRY(blurred_, blur(input));
    return {};
  }

  Result<void> add(const Heatmap& map) {
    Map added;
    GRADCAM_TRY(added.heat, heat_of_pixels(map, input_));
    added.order = hottest_first(added.heat);
    maps_.push_back(std::move(added));
    return {};
  }

  std::size_t passes() const { return kOfNoMap + maps_.size() * passes_a_map(); }

  /// Passes of no map, then of each map: the masked input, and the inner points of both curves.
  Result<Tensor> start(std::size_t pass) const {
    if (pass == kWhole) return input_.clone();
    if (pass == kBlurred) return blurred_.clone();
    if (pass == kEmpty) {
      GRADCAM_TRY(Tensor empty, Tensor::uninitialized(input_.shape()));
      for (std::size_t i = 0; i < empty.size(); ++i) empty.data()[i] = colour_[i % colour_.size()];
      return empty;
    }
    const Map& map = maps_[(pass - kOfNoMap) / passes_a_map()];
    const std::size_t of_map = (pass - kOfNoMap) % passes_a_map();
    if (of_map == 0) return masked(map);
    if (of_map < steps_) return inserted(map, of_map);
    return deleted(map, of_map - (steps_ - 1));
  }

  std::vector<Faithfulness> outcome(const Tensor& logits) const {
    const std::vector<double> p = probabilities_of(model_, class_, logits);
    std::vector<Faithfulness> result;
    for (std::size_t at = kOfNoMap; at < p.size(); at += passes_a_map()) {
      Faithfulness& f = result.emplace_back();
      const double whole = p[kWhole];
      const std::span of_map = std::span(p).subspan(at, passes_a_map());
      const double seen = of_map.front();
      const auto inserted = of_map.subspan(1, steps_ - 1);
      const auto deleted = of_map.last(steps_ - 1);
      f.probability = whole;
      f.drop = whole > 0 ? std::max(0.0, whole - seen) / whole : 0;
      f.increase = seen > whole;
      f.insertion_curve = curve_of(p[kBlurred], inserted, whole);
      f.deletion_curve = curve_of(whole, deleted, p[kEmpty]);
      f.insertion = area_under(f.insertion_curve);
      f.deletion = area_under(f.deletion_curve);
    }
    return result;
  }

 private:
  /// The passes of no map.
  enum : std::uint8_t { kWhole, kBlurred, kEmpty, kOfNoMap };

  struct Map {
    std::vector<float> heat;         // of each pixel
    std::vector<std::size_t> order;  // the hottest pixel first
  };

  std::size_t passes_a_map() const { return 2 * steps_ - 1; }

  Result<Tensor> masked(const Map& map) const {
    GRADCAM_TRY(Tensor result, input_.clone());
    for (std::size_t i = 0; i < result.size(); ++i) {
      result.data()[i] *= map.heat[i / input_.dim(2)];
    }
    return result;
  }

  Result<Tensor> inserted(const Map& map, std::size_t steps) const {
    return with_pixels(blurred_, first_pixels(map.order, steps, steps_), input_);
  }

  Result<Tensor> deleted(const Map& map, std::size_t steps) const {
    return cover(input_, first_pixels(map.order, steps, steps_), colour_);
  }

  const Vgg16& model_;
  std::size_t class_;
  std::size_t steps_;
  std::array<float, 3> colour_;  // in the place of what is taken away
  Tensor input_;
  Tensor blurred_;
  std::vector<Map> maps_;
};

}  // namespace

Result<PassPlan<std::vector<Faithfulness>>> plan_faithfulness(const Vgg16& model,
                                                              const Tensor& input,
                                                              std::size_t class_index,
                                                              std::span<const Heatmap> maps,
                                                              std::size_t steps) {
  GRADCAM_CHECK_OK(model.check_input(input));
  const std::size_t pixels = input.dim(0) * input.dim(1);
  if (class_index >= model.classes() || steps == 0 || steps > pixels) {
    return fail(ErrorCode::kInvalidArgument,
                "maps are measured for a class of the model, in at least one step and at most one "
                "a pixel");
  }
  const auto measurement = std::make_shared<Measurement>(model, class_index, steps);
  GRADCAM_CHECK_OK(measurement->set_input(input));
  for (const Heatmap& map : maps) GRADCAM_CHECK_OK(measurement->add(map));
  return PassPlan<std::vector<Faithfulness>>{
      .passes = {.count = measurement->passes(),
                 .start = [measurement](std::size_t pass) { return measurement->start(pass); }},
      .outcome = [measurement](const Tensor& logits) -> Result<std::vector<Faithfulness>> {
        return measurement->outcome(logits);
      }};
}

double area_under(std::span<const double> curve) {
  double sum = (curve.front() + curve.back()) / 2;
  for (std::size_t i = 1; i + 1 < curve.size(); ++i) sum += curve[i];
  return sum / static_cast<double>(curve.size() - 1);
}

Heatmap constant_map() { return {.rows = 1, .cols = 1, .values = {0}}; }

Heatmap centre_map() {
  constexpr std::size_t kSide = 29;  // odd, so that one cell is the middle
  constexpr double kMiddle = (kSide - 1) / 2.0;
  constexpr double kDeviation = 0.2 * kSide;
  std::vector<double> heat;
  for (std::size_t row = 0; row < kSide; ++row) {
    for (std::size_t col = 0; col < kSide; ++col) {
      const double x = static_cast<double>(col) - kMiddle;
      const double y = static_cast<double>(row) - kMiddle;
      heat.push_back(std::exp(-(x * x + y * y) / (2 * kDeviation * kDeviation)));
    }
  }
  return make_heatmap(kSide, kSide, heat);
}

}  // namespace gradcam
