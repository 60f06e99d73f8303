#include "gradcam/kernels/transpose.h"

#include <algorithm>

#include "gradcam/kernels/simd.h"

namespace gradcam {

using simd::F32x4;

void transpose(const float* from, std::size_t rows, std::size_t columns, std::size_t from_pitch,
               float* to, std::size_t to_pitch) {
  constexpr std::size_t kLine = 4 * simd::kLanes;  // of the cache, which is written as a whole
  for (std::size_t first = 0; first < rows; first += kTransposedRows) {
    const std::size_t end = std::min(first + kTransposedRows, rows);
    for (std::size_t c = 0; c < columns; c += simd::kLanes) {
      std::size_t r = first;
      for (; c + simd::kLanes <= columns && r + kLine <= end; r += kLine) {
        F32x4 square[4][simd::kLanes];
        GRADCAM_UNROLLED_LOOP
        for (std::size_t i = 0; i < 4; ++i) {
          const float* corner = from + (r + i * simd::kLanes) * from_pitch + c;
          GRADCAM_UNROLLED_LOOP
          for (std::size_t k = 0; k < simd::kLanes; ++k) {
            square[i][k] = simd::load(corner + k * from_pitch);
          }
          simd::transpose(square[i][0], square[i][1], square[i][2], square[i][3]);
        }
        GRADCAM_UNROLLED_LOOP
        for (std::size_t k = 0; k < simd::kLanes; ++k) {
          GRADCAM_UNROLLED_LOOP
          for (std::size_t i = 0; i < 4; ++i) {
            simd::store(to + (c + k) * to_pitch + r + i * simd::kLanes, square[i][k]);
          }
        }
      }
      for (; r < end; ++r) {
        for (std::size_t k = c; k < std::min(c + simd::kLanes, columns); ++k) {
          to[k * to_pitch + r] = from[r * from_pitch + k];
        }
      }
    }
  }
}

}  // namespace gradcam
