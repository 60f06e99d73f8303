#pragma once

#include <cstddef>

namespace gradcam {

/// A matrix W [outputs, inputs] in any of the formats of gemv.h, to be expanded to float32 piece by
/// piece.
struct PackedMatrix {
  /// Writes columns `first` to `first + count` of a row; of int4, `first` is a multiple of a block.
  /// Null if the matrix is float32 already.
  void (*expand)(const PackedMatrix& matrix, std::size_t row, std::size_t first, std::size_t count,
                 float* out);
  const void* values;
  const float* scale;
  std::size_t group;
  std::size_t inputs;
};

/// x[r, i] = sum_o y[r, o] W[o, i], as gemv_transposed in gemv.h has it, for many rows of x. Tiles
/// of W are packed, which costs the less the more rows are multiplied by them.
void multiply_transposed_by_tiles(const PackedMatrix& matrix, const float* y, std::size_t rows,
                                  std::size_t outputs, float* x, const float* where);

}  // namespace gradcam
