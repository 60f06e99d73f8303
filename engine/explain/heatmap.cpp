#include "explain/heatmap.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradcam {

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
