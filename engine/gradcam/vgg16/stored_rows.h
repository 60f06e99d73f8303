#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "gradcam/layers/dense.h"
#include "gradcam/tensor/float16.h"
#include "gradcam/tensor/tensor.h"
#include "gradcam/weights/names.h"
#include "gradcam/weights/safetensors.h"

namespace gradcam {

/// Rows of a layer's weights on their way from a model file to a Dense that keeps them as they are
/// stored: int8, int4 and float16; other floats become float32.
class StoredRows {
 public:
  /// So many rows of a layer, whose weights the file has in `dtype`.
  static Result<StoredRows> allocate(const WeightMap& map, std::size_t layer, DType dtype,
                                     std::size_t rows);

  /// Takes a row, counted from 0, as the file has it. Errors as read_float_row.
  Result<void> read(const WeightMap& map, std::size_t row, std::span<const std::uint8_t> bytes);

  /// The layer of these rows. bias: [rows], scale: [rows] for int8, [rows, groups] for int4.
  Result<Dense> to_dense(Tensor scale, Tensor bias) &&;

 private:
  std::size_t layer_ = 0;
  DType dtype_ = DType::kF32;
  std::size_t inputs_ = 0;
  WeightFormat format_ = WeightFormat::kFloat;
  std::variant<Tensor, AlignedArray<Float16>, AlignedArray<std::int8_t>, AlignedArray<std::uint8_t>>
      weight_;
  std::vector<float> scratch_;            // one row as the file lays it out
  std::vector<Float16> scratch_float16_;  // the same of a row that stays float16
};

/// fc1 of a model that leaves its weights in the file, where most of a VGG16 is: what makes layers
/// of some of its rows.
struct Fc1InFile {
  WeightMap map;
  DType dtype = DType::kF32;
  FileRange weight;  ///< where the rows are, one after another
  std::size_t row_bytes = 0;
  Tensor scale;  ///< [O] for int8, [O, groups] for int4
  Tensor bias;   ///< [O]

  /// A layer of the rows from `first` on, as the file has them: any number of whole ones. Errors as
  /// read_float_row, and kInvalidArgument if they are none, or too many.
  Result<Dense> rows(std::size_t first, std::span<const std::uint8_t> bytes) const;
};

}  // namespace gradcam
