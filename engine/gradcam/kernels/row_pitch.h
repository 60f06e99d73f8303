#pragma once

#include <cstddef>

namespace gradcam {

/// Floats from one row to the next, of rows of so many that are used beside each other: were they a
/// page apart, they would wait for each other.
constexpr std::size_t row_pitch(std::size_t floats) { return floats + 16; }

}  // namespace gradcam
