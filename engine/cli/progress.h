#pragma once

#include <cstdint>

namespace gradcam {

/// A bar on standard error, if that is a terminal: "[####    ] 20 of 40 photos".
/// @param unit_size how much of `done` and `total` makes one of the unit, as 1e6 bytes a MB
void show_progress(std::uint64_t done, std::uint64_t total, const char* unit, double unit_size = 1);

}  // namespace gradcam
