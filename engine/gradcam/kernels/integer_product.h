#pragma once

#include <cstddef>
#include <cstdint>

/// Products of matrices of int4 and int8 with a vector, as gemv.h has them, by whole numbers, of
/// which processors multiply twice as many at a time as of floats, and without unfolding the
/// matrix. The vector is cut into two numbers of 16 bits, 30 bits together: no more is lost than by
/// floats. It must be of so many numbers, and of int4 scaled in such groups, as
/// integer_product_fits says.
namespace gradcam {

/// Whether rows of `inputs` numbers fit, of int4 with a scale for each `group` of them.
bool integer_product_fits(std::size_t inputs, std::size_t group = 0);

/// y[o] = sum_i W[o, i] x[i] of int4.
void multiply_int4(const std::uint8_t* w, const float* scale, std::size_t group, const float* x,
                   std::size_t outputs, std::size_t inputs, float* y);

/// The same of int8, with a scale for each row.
void multiply_int8(const std::int8_t* w, const float* scale, const float* x, std::size_t outputs,
                   std::size_t inputs, float* y);

}  // namespace gradcam
