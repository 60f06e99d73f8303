#pragma once

#include <cstddef>

namespace gradcam {

/// to[c * to_pitch + r] = from[r * from_pitch + c], for each r < rows and c < columns. The pitch of
/// many rows should not be a large power of two, or they keep each other out of the cache.
void transpose(const float* from, std::size_t rows, std::size_t columns, std::size_t from_pitch,
               float* to, std::size_t to_pitch);

/// Rows that it turns together, since where they go each column may be in a page of its own.
inline constexpr std::size_t kTransposedRows = 64;

}  // namespace gradcam
