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
/// From edge to edge it lies over what the network saw: of a photo its crop_box
/// (image/preprocess.h), over which `overlay` (image/overlay.h) draws it, and not all of the photo.
/// Maps of a layer have its cells, 14 x 14 at block5_conv3 of an input of 224 pixels. (Where an
/// input's side is no multiple of the layer's stride, max-pools drop its last rows and columns, and
/// the cells lie up to one of theirs nearer to the top left than they are drawn.)
struct Heatmap {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<float> values;
  float maximum = 0;  ///< of the raw map, in the units of the method (see Method::is_comparable)
  HeatmapStatus status = HeatmapStatus::kEmpty;
};

/// Whether a map has cells, and a value for each of them.
bool has_cells(const Heatmap& map);

/// The map at (x, y), each 0..1 from edge to edge, bilinear between the centres of its cells; zero
/// for a map without cells.
float heat_at(const Heatmap& map, double x, double y);

/// The map's values at the centres of rows x cols pixels, bilinear in between; zero everywhere for
/// a map without cells. Whether there is memory for so many is for the caller to know.
std::vector<float> enlarge(const Heatmap& map, std::size_t rows, std::size_t cols);

/// The mean of maps of a class, at other layers or of other views, each enlarged to the largest of
/// them and from 0 to 1, divided by its maximum; empty maps count as zero. `maximum` is the mean's.
/// Of one map, that map.
Heatmap fuse_by_mean(std::span<const Heatmap> maps);

/// Likewise, as the LayerCAM paper (Jiang et al. 2021, equation 9) has it and torch-cam does it: of
/// the maps M of all layers the greatest tanh(2 M / max M) at each place.
Heatmap fuse_by_maximum(std::span<const Heatmap> maps);

/// The end of every CAM method: ReLU of the raw map [rows, cols], divided by its maximum.
Heatmap make_heatmap(std::size_t rows, std::size_t cols, std::span<const double> raw);

}  // namespace gradcam
