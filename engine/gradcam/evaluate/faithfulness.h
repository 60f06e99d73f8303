#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gradcam/explain/heatmap.h"
#include "gradcam/explain/passes.h"
#include "gradcam/vgg16/vgg16.h"

/// Whether a heatmap shows what the network used: the network itself is asked, with the hot or the
/// cold parts of the input taken away.
namespace gradcam {

struct Faithfulness {
  double probability = 0;  ///< of the class, for the whole input
  /// max(0, Y - O) / Y, where O is the class's probability when the input is multiplied by the
  /// enlarged map (Chattopadhay et al., "Grad-CAM++", 2018, arXiv 1710.11063: Average Drop).
  double drop = 0;
  bool increase = false;  ///< O > Y (there: Increase in Confidence)
  /// Areas under the class's probability while pixels are put into a blurred input, or replaced by
  /// the mean colour (see mean_colour), the hottest first (Petsiuk et al., "RISE", 2018, arXiv
  /// 1806.07421).
  double insertion = 0;
  double deletion = 0;
  std::vector<double> insertion_curve;  ///< steps + 1 probabilities, from none to all of the pixels
  std::vector<double> deletion_curve;
};

/// Into how many equal parts of the pixels the curves are cut, where nobody wants something else.
inline constexpr std::size_t kCurveSteps = 8;

/// The area under a curve whose two or more points are evenly spread from 0 to 1, by trapezoids.
double area_under(std::span<const double> curve);

/// A map that says nothing. Its curves are those of pixels in random order: what a map must beat.
Heatmap constant_map();

/// A round spot in the middle of the input, a Gaussian with a standard deviation of a fifth of its
/// side, which knows nothing of the network, but where photographers put things.
Heatmap centre_map();

/// How maps of one class of one input are measured: 3 forward passes, and 2 * steps - 1 for each
/// map. steps: into how many equal parts of the pixels the curves are cut, from 1 on. Pixels of
/// equal heat follow one another in an order that is random and always the same. An empty map is
/// measured like any other: it masks everything and orders nothing. The model, which may be a
/// member's share, must outlive the plan. kInvalidArgument for a map without values, or with some
/// that are not finite, for no steps, and for a class or an input that is none of the model's.
Result<PassPlan<std::vector<Faithfulness>>> plan_faithfulness(const Vgg16& model,
                                                              const Tensor& input,
                                                              std::size_t class_index,
                                                              std::span<const Heatmap> maps,
                                                              std::size_t steps = kCurveSteps);

}  // namespace gradcam
