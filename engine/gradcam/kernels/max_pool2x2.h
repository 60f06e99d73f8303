#pragma once

#include <cstddef>

namespace gradcam {

/// 2x2 max-pool with stride 2 over input [height, width, channels]; an odd last row or column is
/// dropped. output: [height / 2, width / 2, channels].
void max_pool2x2(const float* input, std::size_t height, std::size_t width, std::size_t channels,
                 float* output);

/// Its gradient: that at the output goes to the maximum of each window of the input, of equal
/// values to the first one, row by row; the rest gets 0. result: [height, width, channels].
/// through_relu: a maximum that is not positive gets 0, too.
void max_pool2x2_backward(const float* input, std::size_t height, std::size_t width,
                          std::size_t channels, const float* gradient, float* result,
                          bool through_relu);

}  // namespace gradcam
