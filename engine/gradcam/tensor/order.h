#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace gradcam {

/// The indices of the keys, that of the largest first; of equal ones the first first. No key is
/// NaN. One function for all who sort by a number, as each copy of a sort is kilobytes of
/// WebAssembly.
std::vector<std::size_t> largest_first(std::span<const double> keys);

}  // namespace gradcam
