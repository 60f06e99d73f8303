#pragma once

#include <algorithm>
#include <cstddef>

#include "gradcam/kernels/simd.h"

namespace gradcam {

/// The rows of W [outputs, inputs] that y [rows, outputs] times W needs, `Count` at a time, or as
/// many as there are: after a ReLU about half are dead for every class.
template <std::size_t Count>
struct LiveRows {
  std::size_t index[Count] = {};
  std::size_t count = 0;

  /// The next from row `o` on, which moves behind them.
  LiveRows(const float* y, std::size_t rows, std::size_t outputs, std::size_t& o) {
    for (; o < outputs && count < Count; ++o) {
      GRADCAM_SHORT_LOOP
      for (std::size_t r = 0; r < rows; ++r) {
        if (y[r * outputs + o] != 0.0f) {
          index[count++] = o;
          break;
        }
      }
    }
  }

  /// The last of them stands in, times 0, for those that are missing.
  std::size_t at(std::size_t k) const { return index[std::min(k, count - 1)]; }
};

}  // namespace gradcam
