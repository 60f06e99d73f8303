#pragma once

#include <cstddef>

namespace gradcam {

/// 2x2 max-pool with stride 2 over input [height, width, channels]; an odd last row or column is
/// dropped. output: [height / 2, width / 2, channels].
void max_pool2x2(const float* input, std::size_t height, std::size_t width, std::size_t channels,
                 float* output);

}  // namespace gradcam
