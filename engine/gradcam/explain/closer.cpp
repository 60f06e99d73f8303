#include "gradcam/explain/closer.h"

#include <algorithm>
#include <cmath>

#include "gradcam/explain/warm.h"

namespace gradcam {
namespace {

/// Where a length of whole pixels, centred on the middle of a part if it can be, begins.
double begin_of(double begin, double length, double side, int photo) {
  return std::clamp(std::round(begin + (length - side) / 2), 0.0, photo - side);
}

}  // namespace

Box closer_box(const Heatmap& map, const Box& crop, const Image& photo) {
  if (photo.width <= 0 || photo.height <= 0) return {};
  const bool has_heat = map.status == HeatmapStatus::kOk && has_cells(map);
  const Box warm = has_heat ? warm_box(map, crop) : crop;
  const double most = std::min(photo.width, photo.height);
  const double side = std::clamp(std::round(std::max(warm.width, warm.height)), 1.0, most);
  return {.x = begin_of(warm.x, warm.width, side, photo.width),
          .y = begin_of(warm.y, warm.height, side, photo.height),
          .width = side,
          .height = side};
}

}  // namespace gradcam
