#include "kernels/weighted_sum.h"

namespace gradcam {

void weighted_sums(const float* map, std::size_t positions, std::size_t channels,
                   const float* weights, double* sums) {
  for (std::size_t p = 0; p < positions; ++p) {
    double sum = 0;
    for (std::size_t k = 0; k < channels; ++k) sum += double{weights[k]} * *map++;
    sums[p] = sum;
  }
}

}  // namespace gradcam
