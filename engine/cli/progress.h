#pragma once

#include <cstddef>

namespace gradcam {

/// A bar on standard error, if that is a terminal: "[####    ] 20 of 40 photos".
void show_progress(std::size_t done, std::size_t total, const char* unit);

}  // namespace gradcam
