#pragma once

#include <string_view>

namespace gradcam {

/// What the vectors of simd.h have become in this build: "relaxed" and "simd128" in WebAssembly,
/// "sse2", "neon", or "none" where they are single numbers.
std::string_view instruction_set();

}  // namespace gradcam
