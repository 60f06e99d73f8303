#include "gradcam/explain/closer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace gradcam {
namespace {

constexpr float kWarm = 0.2f;

/// Rows and columns of the maps that such boxes are known to be good for: those of block5.
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

/// Pixels of a map: rows and columns from the first to before the last.
struct Cells {
  std::size_t top;
  std::size_t bottom;
  std::size_t left;
  std::size_t right;
};

/// The bounds of what is warm and connected with the maximum. Of finer maps than those of block5
/// warm pixels need not be connected, but their means are.
Cells warm_cells(const Heatmap& fine) {
  const std::size_t step = (std::max(fine.rows, fine.cols) + kMostCells - 1) / kMostCells;
  const Heatmap map = coarse(fine, step);
  const auto peak =
      static_cast<std::size_t>(std::ranges::max_element(map.values) - map.values.begin());
  Cells warm{.top = map.rows, .bottom = 0, .left = map.cols, .right = 0};
  std::vector<bool> seen(map.values.size());
  std::vector<std::size_t> open = {peak};
  seen[peak] = true;
  const float threshold = kWarm * map.values[peak];
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
    warm.top = std::min(warm.top, row);
    warm.bottom = std::max(warm.bottom, row + 1);
    warm.left = std::min(warm.left, col);
    warm.right = std::max(warm.right, col + 1);
    if (row > 0) visit(cell - map.cols);
    if (row + 1 < map.rows) visit(cell + map.cols);
    if (col > 0) visit(cell - 1);
    if (col + 1 < map.cols) visit(cell + 1);
  }
  return {.top = warm.top * step,
          .bottom = std::min(warm.bottom * step, fine.rows),
          .left = warm.left * step,
          .right = std::min(warm.right * step, fine.cols)};
}

/// Where a length of whole pixels, centred on the middle of a part if it can be, begins.
double begin_of(double begin, double length, double side, int photo) {
  return std::clamp(std::round(begin + (length - side) / 2), 0.0, photo - side);
}

}  // namespace

Box closer_box(const Heatmap& map, const Box& crop, const Image& photo) {
  if (photo.width <= 0 || photo.height <= 0) return {};
  Box warm = crop;
  if (map.status == HeatmapStatus::kOk && has_cells(map)) {
    const Cells cells = warm_cells(map);
    const double height = crop.height / static_cast<double>(map.rows);
    const double width = crop.width / static_cast<double>(map.cols);
    warm = {.x = crop.x + width * static_cast<double>(cells.left),
            .y = crop.y + height * static_cast<double>(cells.top),
            .width = width * static_cast<double>(cells.right - cells.left),
            .height = height * static_cast<double>(cells.bottom - cells.top)};
  }
  const double most = std::min(photo.width, photo.height);
  const double side = std::clamp(std::round(std::max(warm.width, warm.height)), 1.0, most);
  return {.x = begin_of(warm.x, warm.width, side, photo.width),
          .y = begin_of(warm.y, warm.height, side, photo.height),
          .width = side,
          .height = side};
}

}  // namespace gradcam
