#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "tensor/tensor.h"

/// The matrix-matrix product of a dense layer, for many inputs at once.
namespace gradcam {

/// Writes row `output` of a matrix W [outputs, inputs], however it is stored, in float32.
using ExpandRow = std::function<void(std::size_t output, std::span<float> row)>;

/// y[r, o] = sum_i W[o, i] x[r, i]. x: [rows, inputs], y: [rows, outputs]. Each row of W is
/// expanded once.
Result<void> gemm(const ExpandRow& w, const float* x, std::size_t rows, std::size_t outputs,
                  std::size_t inputs, float* y);

namespace reference {

/// w: [outputs, inputs]
void gemm(const float* w, const float* x, std::size_t rows, std::size_t outputs, std::size_t inputs,
          float* y);

}  // namespace reference
}  // namespace gradcam
