#include "gradcam/explain/warm.h"

#include <algorithm>
#include <vector>

namespace gradcam {
namespace {

constexpr float kWarmFrom = 0.2f;

/// Of finer maps than those of block5 warm cells need not be connected, but their means are.
constexpr std::size_t kMostCells = 14;

/// A map in cells of its means over step x step pixels, at the right and the bottom over those
/// there are.
Heatmap coarse(const Heatmap& map, std::size_t step) {
  Heatmap means{.rows = (map.rows + step - 1) / step,
                .cols = (map.cols + step - 1) / step,
                .values = {},
                .maximum = map.maximum,
                .status = map.status};
  for (std::size_t top = 0; top < map.rows; top += step) {
    for (std::size_t left = 0; left < map.cols; left += step) {
      const std::size_t bottom = std::min(top + step, map.rows);
      const std::size_t right = std::min(left + step, map.cols);
      float sum = 0;
      for (std::size_t y = top; y < bottom; ++y) {
        for (std::size_t x = left; x < right; ++x) sum += map.values[y * map.cols + x];
      }
      means.values.push_back(sum / static_cast<float>((bottom - top) * (right - left)));
    }
  }
  return means;
}

}  // namespace

CellBox warm_cells(const Heatmap& fine) {
  const std::size_t step = (std::max(fine.rows, fine.cols) + kMostCells - 1) / kMostCells;
  const Heatmap map = coarse(fine, step);
  const auto peak =
      static_cast<std::size_t>(std::ranges::max_element(map.values) - map.values.begin());
  std::size_t top = map.rows;
  std::size_t bottom = 0;
  std::size_t left = map.cols;
  std::size_t right = 0;
  std::vector<bool> seen(map.values.size());
  std::vector<std::size_t> open = {peak};
  seen[peak] = true;
  const float threshold = kWarmFrom * map.values[peak];
  const auto visit = [&](std::size_t cell) {
    if (seen[cell] || map.values[cell] < threshold) return;
    seen[cell] = true;
    open.push_back(cell);
  };
  while (!open.empty()) {
    const std::size_t cell = open.back();
    open.pop_back();
    const std::size_t row = cell / map.cols;
    const std::size_t col = cell % map.cols;
    top = std::min(top, row);
    bottom = std::max(bottom, row + 1);
    left = std::min(left, col);
    right = std::max(right, col + 1);
    if (row > 0) visit(cell - map.cols);
    if (row + 1 < map.rows) visit(cell + map.cols);
    if (col > 0) visit(cell - 1);
    if (col + 1 < map.cols) visit(cell + 1);
  }
  left *= step;
  top *= step;
  return {.x = left,
          .y = top,
          .width = std::min(right * step, fine.cols) - left,
          .height = std::min(bottom * step, fine.rows) - top};
}

Box warm_box(const Heatmap& map, const Box& crop) {
  const CellBox cells = warm_cells(map);
  const double height = crop.height / static_cast<double>(map.rows);
  const double width = crop.width / static_cast<double>(map.cols);
  return {.x = crop.x + width * static_cast<double>(cells.x),
          .y = crop.y + height * static_cast<double>(cells.y),
          .width = width * static_cast<double>(cells.width),
          .height = height * static_cast<double>(cells.height)};
}

}  // namespace gradcam
