#include "gradcam/explain/heatmap.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradcam/image/between.h"

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

bool has_cells(const Heatmap& map) {
  return !map.values.empty() && map.values.size() == map.rows * map.cols;
}

namespace {

float interpolate(const Heatmap& map, const Between& x, const Between& y) {
  const auto in_row = [&](std::size_t row) {
    const float* values = &map.values[row * map.cols];
    return values[x.low] + (values[x.high] - values[x.low]) * x.fraction;
  };
  const float above = in_row(y.low);
  return above + (in_row(y.high) - above) * y.fraction;
}

}  // namespace

float heat_at(const Heatmap& map, double x, double y) {
  if (!has_cells(map)) return 0;
  return interpolate(map, Between(x * static_cast<double>(map.cols), map.cols),
                     Between(y * static_cast<double>(map.rows), map.rows));
}

std::vector<float> enlarge(const Heatmap& map, std::size_t rows, std::size_t cols) {
  if (!has_cells(map)) return std::vector<float>(rows * cols);
  if (rows == map.rows && cols == map.cols) return map.values;
  std::vector<float> values;
  values.reserve(rows * cols);
  const auto between = [](std::size_t cell, std::size_t cells, std::size_t cells_of_map) {
    const double centre = (static_cast<double>(cell) + 0.5) / static_cast<double>(cells);
    return Between(centre * static_cast<double>(cells_of_map), cells_of_map);
  };
  std::vector<Between> columns;
  for (std::size_t col = 0; col < cols; ++col) columns.push_back(between(col, cols, map.cols));
  for (std::size_t row = 0; row < rows; ++row) {
    const Between y = between(row, rows, map.rows);
    for (const Between& x : columns) values.push_back(interpolate(map, x, y));
  }
  return values;
}

namespace {

/// Adds the value of each map to what there is of those before it, which begins with 0.
template <class Add>
Heatmap fuse(std::span<const Heatmap> maps, const Add& add) {
  if (maps.size() == 1) return maps.front();
  std::size_t rows = 0;
  std::size_t cols = 0;
  bool is_finite = true;
  for (const Heatmap& map : maps) {
    rows = std::max(rows, map.rows);
    cols = std::max(cols, map.cols);
    is_finite &= map.status != HeatmapStatus::kNonFinite;
  }
  std::vector<double> fused(rows * cols, is_finite ? 0 : kNaN);
  for (const Heatmap& map : maps) {
    const std::vector<float> values = enlarge(map, rows, cols);
    for (std::size_t i = 0; is_finite && i < fused.size(); ++i) fused[i] = add(fused[i], values[i]);
  }
  return make_heatmap(rows, cols, fused);
}

}  // namespace

Heatmap fuse_by_mean(std::span<const Heatmap> maps) {
  const auto count = static_cast<double>(maps.size());
  return fuse(maps, [count](double sum, double value) { return sum + value / count; });
}

Heatmap fuse_by_maximum(std::span<const Heatmap> maps) {
  if (maps.size() == 1) return maps.front();
  std::vector<Heatmap> scaled(maps.begin(), maps.end());
  for (Heatmap& map : scaled) {
    constexpr float kGamma = 2;
    for (float& value : map.values) value = std::tanh(kGamma * value);
  }
  return fuse(scaled, [](double most, double value) { return std::max(most, value); });
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
