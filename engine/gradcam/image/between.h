#pragma once

#include <algorithm>
#include <cstddef>

namespace gradcam {

/// Where a position on an axis of `cells` cells, cell i covering [i, i + 1), lies between the
/// centres of two: what bilinear enlargement reads there is `low` + (`high` - `low`) * `fraction`.
/// Beyond the outermost centres the edge holds; NaN is taken for the first one.
struct Between {
  std::size_t low;
  std::size_t high;
  float fraction;

  Between(double position, std::size_t cells) {
    const double centred = std::min(std::max(0.0, position - 0.5), static_cast<double>(cells - 1));
    low = static_cast<std::size_t>(centred);
    high = std::min(low + 1, cells - 1);
    fraction = static_cast<float>(centred - static_cast<double>(low));
  }
};

}  // namespace gradcam
