#include "gradcam/weights/rows.h"

#include "gradcam/weights/to_float.h"

namespace gradcam {

std::size_t row_elements(const Shape& shape) {
  std::size_t count = 1;
  for (std::size_t axis = 1; axis < shape.size(); ++axis) count *= shape[axis];
  return count;
}

namespace {

/// Reads a row by `convert`, and brings it to Keras's layout.
template <class T, class Convert>
Result<void> read_row(const WeightMap& map, std::size_t layer, Convert convert,
                      std::vector<T>& scratch, std::span<T> out) {
  const bool is_conv = layer < kConvLayers;
  const bool is_fc1 = layer == kFc1;
  if (map.layout == FileLayout::kKeras || !(is_conv || is_fc1)) return convert(out);
  // PyTorch keeps channels outside positions, in kernels and in the map that fc1 flattens.
  scratch.resize(out.size());
  GRADCAM_CHECK_OK(convert(std::span<T>(scratch)));
  const std::size_t side = is_conv ? 3 : map.grid;
  chw_columns_to_hwc<T>(scratch, side * side, out);
  return {};
}

}  // namespace

Result<void> read_float_row(const WeightMap& map, std::size_t layer, DType dtype,
                            std::span<const std::uint8_t> bytes, std::vector<float>& scratch,
                            std::span<float> out) {
  const auto convert = [&](std::span<float> values) { return to_float32(dtype, bytes, values); };
  return read_row(map, layer, convert, scratch, out);
}

Result<void> read_float16_row(const WeightMap& map, std::size_t layer,
                              std::span<const std::uint8_t> bytes, std::vector<Float16>& scratch,
                              std::span<Float16> out) {
  const auto convert = [&](std::span<Float16> values) { return to_float16(bytes, values); };
  return read_row(map, layer, convert, scratch, out);
}

}  // namespace gradcam
