#pragma once

#include <cstddef>

#include "gradcam/explain/heatmap.h"
#include "gradcam/image/resize.h"

/// Where a heatmap is warm, as a box: around what is connected with the maximum at a fifth of it or
/// more, the rule by which Zhou et al., "Learning Deep Features for Discriminative Localization",
/// 2016 (arXiv 1512.04150) draw boxes from such maps. Of maps finer than 14 x 14 the means are
/// taken first. The map has cells (has_cells), and is kOk.
namespace gradcam {

/// Cells of a map, from column x and row y on.
struct CellBox {
  std::size_t x;
  std::size_t y;
  std::size_t width;
  std::size_t height;
};

CellBox warm_cells(const Heatmap& map);

/// The same in pixels of the photo in which the crop lies that the map covers.
Box warm_box(const Heatmap& map, const Box& crop);

}  // namespace gradcam
