#include "gradcam/explain/occlusion.h"

#include <algorithm>
#include <array>
#include <vector>

namespace gradcam {
namespace {

/// What a patch of two cells' size around a cell's centre covers of `size` pixels.
Range covered(std::size_t cell, std::size_t cells, std::size_t size) {
  const std::size_t halves = 2 * cell + 3;  // the patch ends after that many half cells
  return {.begin = cell == 0 ? 0 : (halves - 4) * size / (2 * cells),
          .end = std::min(size, halves * size / (2 * cells))};
}

}  // namespace

Result<MapPlan> occlusion(const PassContext& context, std::span<const std::size_t> classes) {
  GRADCAM_CHECK_OK(context.model.check_classes(classes));
  const std::size_t rows = context.view.activation.dim(0);
  const std::size_t cols = context.view.activation.dim(1);
  const std::array<float, 3> colour = mean_colour(context.model.info().preprocess);
  const auto start = [=](std::size_t cell) -> Result<Tensor> {
    GRADCAM_TRY(Tensor hidden, context.input.clone());
    const std::size_t width = hidden.dim(1);
    const std::size_t depth = hidden.dim(2);
    const Range y = covered(cell / cols, rows, hidden.dim(0));
    const Range x = covered(cell % cols, cols, width);
    for (std::size_t row = y.begin; row < y.end; ++row) {
      float* line = hidden.data() + row * width * depth;
      for (std::size_t i = x.begin * depth; i < x.end * depth; ++i) line[i] = colour[i % depth];
    }
    return hidden;
  };
  const std::vector<std::size_t> wanted(classes.begin(), classes.end());
  const auto maps = [=](const Tensor& logits) -> Result<std::vector<Heatmap>> {
    std::vector<Heatmap> result;
    for (const std::size_t c : wanted) {
      const double whole = double{context.logits[c]};
      std::vector<double> drops;
      for (std::size_t cell = 0; cell < rows * cols; ++cell) {
        drops.push_back(whole - double{logits.data()[cell * logits.dim(1) + c]});
      }
      result.push_back(make_heatmap(rows, cols, drops));
    }
    return result;
  };
  return MapPlan{.passes = {.count = rows * cols, .start = start}, .outcome = maps};
}

}  // namespace gradcam
