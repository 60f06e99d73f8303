#include "weights/rows.h"

#include "weights/convert.h"

namespace gradcam {

std::size_t row_elements(const Shape& shape) {
  std::size_t count = 1;
  for (std::size_t axis = 1; axis < shape.size(); ++axis) count *= shape[axis];
  return count;
}

Result<void> read_float_row(const WeightMap& map, std::size_t layer, DType dtype,
                            std::span<const std::uint8_t> bytes, std::vector<float>& scratch,
                            std::span<float> out) {
  const bool is_conv = layer < kConvLayers;
  const bool is_fc1 = layer == kConvLayers;
  if (map.layout == FileLayout::kKeras || !(is_conv || is_fc1)) {
    return to_float32(dtype, bytes, out);
  }
  // PyTorch keeps channels outside positions, in kernels and in the map that fc1 flattens.
  scratch.resize(out.size());
  GRADCAM_CHECK_OK(to_float32(dtype, bytes, scratch));
  const std::size_t side = is_conv ? 3 : map.grid;
  chw_columns_to_hwc<float>(scratch, out.size() / (side * side), side, side, out);
  return {};
}

}  // namespace gradcam
