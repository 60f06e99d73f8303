#include "explain/heatmap.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradcam {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

std::string_view heatmap_status_name(HeatmapStatus status) {
  switch (status) {
    case HeatmapStatus::kOk:
      return "ok";
    case HeatmapStatus::kEmpty:
      return "empty";
    case HeatmapStatus::kNonFinite:
      return "non_finite";
  }
  return "";
}

namespace {

/// Where a position, 0..1 from edge to edge, lies between the centres of cells.
struct Between {
  std::size_t first;
  std::size_t second;
  double fraction;

  Between(double position, std::size_t cells) {
    const double cell = std::clamp(position * static_cast<double>(cells) - 0.5, 0.0,
                                   static_cast<double>(cells - 1));
    first = static_cast<std::size_t>(cell);
    second = std::min(first + 1, cells - 1);
    fraction = cell - static_cast<double>(first);
  }
};

float interpolate(const Heatmap& map, const Between& x, const Between& y) {
  const auto value = [&](std::size_t row, std::size_t col) {
    return static_cast<double>(map.values[row * map.cols + col]);
  };
  const auto in_row = [&](std::size_t row) {
    return (1 - x.fraction) * value(row, x.first) + x.fraction * value(row, x.second);
  };
  return static_cast<float>((1 - y.fraction) * in_row(y.first) + y.fraction * in_row(y.second));
}

}  // namespace

float heat_at(const Heatmap& map, double x, double y) {
  return interpolate(map, Between(x, map.cols), Between(y, map.rows));
}

std::vector<float> enlarge(const Heatmap& map, std::size_t rows, std::size_t cols) {
  if (rows == map.rows && cols == map.cols) return map.values;
  std::vector<float> values;
  values.reserve(rows * cols);
  const auto centre = [](std::size_t cell, std::size_t cells) {
    return (static_cast<double>(cell) + 0.5) / static_cast<double>(cells);
  };
  std::vector<Between> columns;
  for (std::size_t col = 0; col < cols; ++col) columns.emplace_back(centre(col, cols), map.cols);
  for (std::size_t row = 0; row < rows; ++row) {
    const Between y(centre(row, rows), map.rows);
    for (const Between& x : columns) values.push_back(interpolate(map, x, y));
  }
  return values;
}

Heatmap fuse(std::span<const Heatmap> maps) {
  if (maps.size() == 1) return maps.front();
  std::size_t rows = 0;
  std::size_t cols = 0;
  for (const Heatmap& map : maps) {
    rows = std::max(rows, map.rows);
    cols = std::max(cols, map.cols);
  }
  std::vector<double> mean(rows * cols);
  for (const Heatmap& map : maps) {
    if (map.status == HeatmapStatus::kNonFinite) mean.assign(rows * cols, kNaN);
    const std::vector<float> values = enlarge(map, rows, cols);
    for (std::size_t i = 0; i < mean.size(); ++i) {
      mean[i] += double{values[i]} / static_cast<double>(maps.size());
    }
  }
  return make_heatmap(rows, cols, mean);
}

Heatmap make_heatmap(std::size_t rows, std::size_t cols, std::span<const double> raw) {
  Heatmap map;
  map.rows = rows;
  map.cols = cols;
  map.values.resize(raw.size());
  // A maximum beyond float32 is as useless as one that is infinite.
  const auto is_finite = [](double value) {
    return std::isfinite(value) && value <= std::numeric_limits<float>::max();
  };
  if (!std::ranges::all_of(raw, is_finite)) {
    map.status = HeatmapStatus::kNonFinite;
    return map;
  }
  const double maximum = raw.empty() ? 0 : std::ranges::max(raw);
  map.maximum = static_cast<float>(std::max(0.0, maximum));
  if (!(map.maximum > 0)) return map;
  map.status = HeatmapStatus::kOk;
  std::ranges::transform(raw, map.values.begin(), [&](double value) {
    return static_cast<float>(std::max(0.0, value) / maximum);
  });
  return map;
}

}  // namespace gradcam
