#include "explain/occlusion.h"

#include <algorithm>

namespace gradcam {
namespace {

/// What a patch of two cells' size around a cell's centre covers of `size` pixels.
Range covered(std::size_t cell, std::size_t cells, std::size_t size) {
  const std::size_t halves = 2 * cell + 3;  // the patch ends after that many half cells
  return {.begin = cell == 0 ? 0 : (halves - 4) * size / (2 * cells),
          .end = std::min(size, halves * size / (2 * cells))};
}

}  // namespace

Result<std::vector<Heatmap>> occlusion(const ExplainContext& context,
                                       std::span<const std::size_t> classes) {
  GRADCAM_TRY(const Tensor seeds, context.model.class_seeds(classes));
  const Tensor& input = context.input;
  const std::size_t rows = context.activations.block5_conv3().dim(0);
  const std::size_t cols = context.activations.block5_conv3().dim(1);
  const auto whole = context.activations.logits.values();
  GRADCAM_TRY(Activations scratch, context.model.make_activations());
  std::vector<std::vector<double>> drops(seeds.dim(0));
  for (std::size_t cell = 0; cell < rows * cols; ++cell) {
    GRADCAM_CHECK_OK(context.report(cell, rows * cols));
    GRADCAM_TRY(Tensor hidden, input.clone());
    const Range y = covered(cell / cols, rows, input.dim(0));
    const Range x = covered(cell % cols, cols, input.dim(1));
    for (std::size_t row = y.begin; row < y.end; ++row) {
      float* line = hidden.data() + row * input.dim(1) * input.dim(2);
      std::fill(line + x.begin * input.dim(2), line + x.end * input.dim(2), 0.0f);
    }
    GRADCAM_CHECK_OK(context.model.forward(hidden, scratch));
    for (std::size_t i = 0; i < classes.size(); ++i) {
      drops[i].push_back(double{whole[classes[i]]} - double{scratch.logits.data()[classes[i]]});
    }
  }
  std::vector<Heatmap> maps;
  for (const std::vector<double>& drop : drops) maps.push_back(make_heatmap(rows, cols, drop));
  return maps;
}

}  // namespace gradcam
