#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "gradcam/explain/heatmap.h"

namespace gradcam::testing {

/// A map [rows, cols] of these values, whose maximum was 1.
inline Heatmap map_of(std::size_t rows, std::size_t cols, std::vector<float> values) {
  return {.rows = rows,
          .cols = cols,
          .values = std::move(values),
          .maximum = 1,
          .status = HeatmapStatus::kOk};
}

}  // namespace gradcam::testing
