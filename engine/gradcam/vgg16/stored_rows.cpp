#include "gradcam/vgg16/stored_rows.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "gradcam/vgg16/plan.h"
#include "gradcam/weights/quantize.h"
#include "gradcam/weights/rows.h"

namespace gradcam {
namespace {

/// `count` rows of a tensor [R, ...]; of an empty one, nothing.
Result<Tensor> some_rows(const Tensor& tensor, std::size_t first, std::size_t count) {
  if (tensor.empty()) return Tensor();
  Shape shape = tensor.shape();
  const std::size_t row = tensor.size() / std::exchange(shape[0], count);
  return Tensor::from(std::move(shape), tensor.values().subspan(first * row, count * row));
}

}  // namespace

Result<StoredRows> StoredRows::allocate(const WeightMap& map, std::size_t layer, DType dtype,
                                        std::size_t rows) {
  StoredRows stored;
  stored.layer_ = layer;
  stored.dtype_ = dtype;
  stored.inputs_ = row_elements(map.layers[layer].shape);
  stored.format_ = map.layers[layer].format;
  GRADCAM_TRY(const std::size_t elements, element_count({rows, stored.inputs_}));
  if (stored.format_ == WeightFormat::kInt8) {
    GRADCAM_TRY(stored.weight_, allocate_array<std::int8_t>(elements, false));
  } else if (stored.format_ == WeightFormat::kInt4) {
    GRADCAM_TRY(stored.weight_, allocate_array<std::uint8_t>(elements / 2, false));
  } else if (dtype == DType::kF16) {
    GRADCAM_TRY(stored.weight_, allocate_array<Float16>(elements, false));
  } else {
    GRADCAM_TRY(stored.weight_, Tensor::uninitialized({rows, stored.inputs_}));
  }
  return stored;
}

Result<void> StoredRows::read(const WeightMap& map, std::size_t row,
                              std::span<const std::uint8_t> bytes) {
  const std::size_t at = row * inputs_;
  if (auto* int8 = std::get_if<AlignedArray<std::int8_t>>(&weight_)) {
    std::ranges::transform(bytes, int8->get() + at,
                           [](std::uint8_t b) { return std::bit_cast<std::int8_t>(b); });
    return {};
  }
  if (auto* int4 = std::get_if<AlignedArray<std::uint8_t>>(&weight_)) {
    std::ranges::copy(bytes, int4->get() + row * bytes.size());
    return {};
  }
  if (auto* float16 = std::get_if<AlignedArray<Float16>>(&weight_)) {
    return read_float16_row(map, layer_, bytes, scratch_float16_, {float16->get() + at, inputs_});
  }
  return read_float_row(map, layer_, dtype_, bytes, scratch_,
                        std::get<Tensor>(weight_).values().subspan(at, inputs_));
}

Result<Dense> StoredRows::to_dense(Tensor scale, Tensor bias) && {
  if (auto* int8 = std::get_if<AlignedArray<std::int8_t>>(&weight_)) {
    return Dense::from_int8(std::move(*int8), std::move(scale), std::move(bias), inputs_);
  }
  if (auto* int4 = std::get_if<AlignedArray<std::uint8_t>>(&weight_)) {
    return Dense::from_int4(std::move(*int4), std::move(scale), kInt4Group, std::move(bias),
                            inputs_);
  }
  if (auto* float16 = std::get_if<AlignedArray<Float16>>(&weight_)) {
    return Dense::from_float16(std::move(*float16), std::move(bias), inputs_);
  }
  return Dense::from_float32(std::move(std::get<Tensor>(weight_)), std::move(bias));
}

Result<Dense> Fc1InFile::rows(std::size_t first, std::span<const std::uint8_t> bytes) const {
  const std::size_t count = bytes.size() / row_bytes;
  if (count == 0 || bytes.size() % row_bytes != 0 || first > bias.size() ||
      count > bias.size() - first) {
    return fail(ErrorCode::kInvalidArgument,
                std::to_string(bytes.size()) + " bytes are not rows of fc1, of which there are " +
                    std::to_string(bias.size()) + " of " + std::to_string(row_bytes) +
                    " bytes, from row " + std::to_string(first) + " on");
  }
  GRADCAM_TRY(StoredRows stored, StoredRows::allocate(map, kFc1, dtype, count));
  for (std::size_t i = 0; i < count; ++i) {
    GRADCAM_CHECK_OK(stored.read(map, i, bytes.subspan(i * row_bytes, row_bytes)));
  }
  GRADCAM_TRY(Tensor own_scale, some_rows(scale, first, count));
  GRADCAM_TRY(Tensor own_bias, some_rows(bias, first, count));
  return std::move(stored).to_dense(std::move(own_scale), std::move(own_bias));
}

}  // namespace gradcam
