#pragma once

#include <cstddef>
#include <cstdint>

#include "gradcam/tensor/float16.h"

/// Matrix-vector products of the dense layers, forward and transposed, over 4-wide vectors. A
/// matrix W is [outputs, inputs], row-major, in one of four formats:
///
///   float32
///   float16   finite
///   int8      row o stands for scale[o] times its numbers
///   int4      two numbers in a byte, as tensor/int4.h says; number i of row o counts
///             scale[o * groups + i / group] times, groups = inputs / group rounded up.
///             inputs and group are multiples of kInt4Block.
///
/// The weights are read once, as they are, which is what these products cost; those of int4 and
/// int8 are multiplied by whole numbers where that fits (integer_product.h). `reference` has them
/// for float32 in plain loops, which is what those of all formats are tested against.
namespace gradcam {

/// y[o] = sum_i W[o, i] x[i]
void gemv(const float* w, const float* x, std::size_t outputs, std::size_t inputs, float* y);

void gemv(const Float16* w, const float* x, std::size_t outputs, std::size_t inputs, float* y);
void gemv(const std::int8_t* w, const float* scale, const float* x, std::size_t outputs,
          std::size_t inputs, float* y);
void gemv(const std::uint8_t* w, const float* scale, std::size_t group, const float* x,
          std::size_t outputs, std::size_t inputs, float* y);

/// y[k] = sum_i rows[k][i] x[i], for four rows of float32 wherever they lie.
void dot_four(const float* const (&rows)[4], const float* x, std::size_t inputs, float (&y)[4]);

/// x[r, i] = sum_o y[r, o] W[o, i] for `rows` vectors y at once: one pass over the weights serves
/// 64 of them. Rows of W whose y[., o] are all zero are skipped. `y` is [rows, outputs], `x` is
/// [rows, inputs] and is overwritten. Where `where` [inputs], if it is given, is zero, x does not
/// matter: it may be 0 there, as it is with many rows, which spares those columns.
void gemv_transposed(const float* w, const float* y, std::size_t rows, std::size_t outputs,
                     std::size_t inputs, float* x, const float* where = nullptr);
void gemv_transposed(const Float16* w, const float* y, std::size_t rows, std::size_t outputs,
                     std::size_t inputs, float* x, const float* where = nullptr);
void gemv_transposed(const std::int8_t* w, const float* scale, const float* y, std::size_t rows,
                     std::size_t outputs, std::size_t inputs, float* x,
                     const float* where = nullptr);
void gemv_transposed(const std::uint8_t* w, const float* scale, std::size_t group, const float* y,
                     std::size_t rows, std::size_t outputs, std::size_t inputs, float* x,
                     const float* where = nullptr);

/// `count` numbers of a row of float16, int8 or int4 in float32; of int4 those from `first` on,
/// both multiples of kInt4Block.
void expand_float16(const Float16* numbers, std::size_t count, float* out);
void expand_int8(const std::int8_t* numbers, float scale, std::size_t count, float* out);
void expand_int4(const std::uint8_t* row, const float* scale, std::size_t group, std::size_t first,
                 std::size_t count, float* out);

namespace reference {

void gemv(const float* w, const float* x, std::size_t outputs, std::size_t inputs, float* y);
void gemv_transposed(const float* w, const float* y, std::size_t rows, std::size_t outputs,
                     std::size_t inputs, float* x);

}  // namespace reference
}  // namespace gradcam
