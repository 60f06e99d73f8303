#pragma once

#include <limits>

namespace gradcam::testing {

/// What a buffer holds before anything is written to it.
inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// What lies behind a buffer, and must not be written over.
inline constexpr float kCanary = 12345.5f;

}  // namespace gradcam::testing
