#pragma once

#include <cstddef>

namespace gradcam {

/// sums[p] = sum_k weights[k] map[p, k], for each position of a map [positions, channels].
void weighted_sums(const float* map, std::size_t positions, std::size_t channels,
                   const float* weights, double* sums);

}  // namespace gradcam
