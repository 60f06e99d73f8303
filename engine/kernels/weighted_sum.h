#pragma once

#include <cstddef>

namespace gradcam {

/// sums[p] = sum_k weights[k] map[p, k], for each position of a map [positions, channels].
void weighted_sums(const float* map, std::size_t positions, std::size_t channels,
                   const float* weights, double* sums);

/// sums[k] = sum_p a[p, k] b[p, k], for each channel of two maps [positions, channels].
void channel_products(const float* a, const float* b, std::size_t positions, std::size_t channels,
                      float* sums);

}  // namespace gradcam
