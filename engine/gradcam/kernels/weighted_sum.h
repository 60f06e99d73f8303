#pragma once

#include <cstddef>

namespace gradcam {

/// sums[p] = sum_k weights[k] map[p, k], for each position of a map [positions, channels].
void weighted_sums(const float* map, std::size_t positions, std::size_t channels,
                   const float* weights, double* sums);

/// Rows that `channel_products` takes at most.
inline constexpr std::size_t kChannelProductRows = 4;

/// sums[r, k] = sum_p a[p, k] b[r, p, k], for each channel of a map a [positions, channels] with
/// each of some others, b [rows, positions, channels]; the sums of a row are row_pitch(channels)
/// behind those of the one before it.
void channel_products(const float* a, const float* b, std::size_t rows, std::size_t positions,
                      std::size_t channels, float* sums);

}  // namespace gradcam
