#include "gradcam/layers/relu.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace gradcam {

void relu_forward(std::span<float> values) {
  for (float& value : values) value = std::max(value, 0.0f);
}

void relu_backward(std::span<const float> output, std::span<float> gradient, ReluRule rule) {
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    gradient[i] = output[i] > 0.0f ? gradient[i] : 0.0f;
  }
  if (rule == ReluRule::kGuided) relu_forward(gradient);
}

Result<Tensor> relu_changes(const Tensor& parts, std::span<const std::size_t> without) {
  if (parts.rank() != 2 || parts.dim(1) == 0 ||
      std::ranges::any_of(without, [&](std::size_t part) { return part + 1 >= parts.dim(1); })) {
    return fail(ErrorCode::kInvalidArgument,
                "sums of shape " + to_string(parts.shape()) + " do not have all of these parts");
  }
  GRADCAM_TRY(Tensor changes, Tensor::zeros({parts.dim(0), without.size()}));
  float* change = changes.data();
  for (std::size_t r = 0; r < parts.dim(0); ++r) {
    const auto row = parts.values().subspan(r * parts.dim(1), parts.dim(1));
    const float sum = row.back();
    for (const std::size_t part : without) {
      *change++ = sum > 0 ? -std::min(row[part], sum) : std::max(sum - row[part], 0.0f);
    }
  }
  return changes;
}

}  // namespace gradcam
