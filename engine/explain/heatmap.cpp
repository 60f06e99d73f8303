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

float heat_at(const Heatmap& map, double x, double y) {
  const auto axis = [](double position, std::size_t cells, std::size_t& first,
                       std::size_t& second) {
    const double cell = std::clamp(position * static_cast<double>(cells) - 0.5, 0.0,
                                   static_cast<double>(cells - 1));
    first = static_cast<std::size_t>(cell);
    second = std::min(first + 1, cells - 1);
    return cell - static_cast<double>(first);
  };
  std::size_t left = 0;
  std::size_t right = 0;
  std::size_t upper = 0;
  std::size_t lower = 0;
  const double fx = axis(x, map.cols, left, right);
  const double fy = axis(y, map.rows, upper, lower);
  const auto value = [&](std::size_t row, std::size_t col) {
    return static_cast<double>(map.values[row * map.cols + col]);
  };
  return static_cast<float>((1 - fy) * ((1 - fx) * value(upper, left) + fx * value(upper, right)) +
                            fy * ((1 - fx) * value(lower, left) + fx * value(lower, right)));
}

std::vector<float> enlarge(const Heatmap& map, std::size_t rows, std::size_t cols) {
  if (rows == map.rows && cols == map.cols) return map.values;
  std::vector<float> values;
  values.reserve(rows * cols);
  const auto centre = [](std::size_t cell, std::size_t cells) {
    return (static_cast<double>(cell) + 0.5) / static_cast<double>(cells);
  };
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t col = 0; col < cols; ++col) {
      values.push_back(heat_at(map, centre(col, cols), centre(row, rows)));
    }
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
