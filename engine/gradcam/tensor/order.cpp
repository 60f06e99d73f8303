#include "gradcam/tensor/order.h"

#include <algorithm>
#include <numeric>

namespace gradcam {

std::vector<std::size_t> largest_first(std::span<const double> keys) {
  std::vector<std::size_t> order(keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return keys[a] != keys[b] ? keys[a] > keys[b] : a < b;
  });
  return order;
}

}  // namespace gradcam
