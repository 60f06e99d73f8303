#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace gradcam {

enum class HeatmapStatus {
  kOk,
  kEmpty,      ///< no positive evidence for the class at this layer: the map is all zero
  kNonFinite,  ///< the network overflowed: the map is all zero and means nothing
};

/// "ok", "empty", "non_finite".
std::string_view heatmap_status_name(HeatmapStatus status);

/// Where the network looked: [rows, cols], row-major, from 0 to 1 with the maximum 1, or all zero.
struct Heatmap {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<float> values;
  float maximum = 0;  ///< of the raw map, in the units of the method; comparable over classes
  HeatmapStatus status = HeatmapStatus::kEmpty;
};

/// The end of every CAM method: ReLU of the raw map [rows, cols], divided by its maximum.
Heatmap make_heatmap(std::size_t rows, std::size_t cols, std::span<const double> raw);

}  // namespace gradcam
