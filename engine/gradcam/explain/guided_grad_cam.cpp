#include "gradcam/explain/guided_grad_cam.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>
#include <vector>

#include "gradcam/explain/guided_backprop.h"

namespace gradcam {

Heatmap guided_grad_cam_map(const Heatmap& guided, const Heatmap& grad_cam) {
  const std::vector<float> edges = enlarge(guided, guided.rows, guided.cols);
  const std::vector<float> region = enlarge(grad_cam, guided.rows, guided.cols);
  std::vector<double> raw(region.size());
  if (guided.status == HeatmapStatus::kNonFinite || grad_cam.status == HeatmapStatus::kNonFinite) {
    raw.assign(region.size(), std::numeric_limits<double>::quiet_NaN());
    return make_heatmap(guided.rows, guided.cols, raw);
  }
  for (std::size_t i = 0; i < raw.size(); ++i) {
    raw[i] =
        double{edges[i]} * double{guided.maximum} * double{region[i]} * double{grad_cam.maximum};
  }
  return make_heatmap(guided.rows, guided.cols, raw);
}

Heatmap with_visible_edges(Heatmap map) {
  if (map.status != HeatmapStatus::kOk || map.values.empty()) return map;
  std::vector<float> sorted = map.values;
  const auto bound = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 100);
  std::ranges::nth_element(sorted, bound, std::ranges::greater());
  constexpr float kShare = 0.9f;
  const float usual = *bound;
  if (usual <= 0 || usual >= kShare) return map;
  for (float& value : map.values) {
    value = value <= usual ? kShare * value / usual
                           : kShare + (1 - kShare) * (value - usual) / (1 - usual);
  }
  return map;
}

std::vector<Heatmap> guided_maps(std::span<const Tensor> gradients,
                                 std::span<const Heatmap> grad_cam) {
  std::vector<Heatmap> maps;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const Heatmap guided = guided_backprop_map(gradients[i]);
    maps.push_back(
        with_visible_edges(grad_cam.empty() ? guided : guided_grad_cam_map(guided, grad_cam[i])));
  }
  return maps;
}

}  // namespace gradcam
