#include "layers/relu.h"

#include <algorithm>
#include <cstddef>

namespace gradcam {

void relu_forward(std::span<float> values) {
  for (float& value : values) value = std::max(0.0f, value);
}

void relu_backward(std::span<const float> output, std::span<float> gradient) {
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    if (!(output[i] > 0.0f)) gradient[i] = 0.0f;
  }
}

}  // namespace gradcam
