#include "layers/max_pool.h"

#include "kernels/max_pool2x2.h"

namespace gradcam {
namespace {

Result<void> check_shapes(const Tensor& x, const Tensor& pooled) {
  if (x.rank() != 3 || pooled.rank() != 3 || pooled.dim(0) != x.dim(0) / 2 ||
      pooled.dim(1) != x.dim(1) / 2 || pooled.dim(2) != x.dim(2)) {
    return fail(ErrorCode::kInvalidArgument, "a max-pool of " + to_string(x.shape()) +
                                                 " cannot have the output shape " +
                                                 to_string(pooled.shape()));
  }
  return {};
}

}  // namespace

Result<void> max_pool_forward(const Tensor& x, Tensor& y) {
  GRADCAM_CHECK_OK(check_shapes(x, y));
  max_pool2x2(x.data(), x.dim(0), x.dim(1), x.dim(2), y.data());
  return {};
}

Result<Tensor> max_pool_backward(const Tensor& x, const Tensor& gradient) {
  GRADCAM_CHECK_OK(check_shapes(x, gradient));
  GRADCAM_TRY(Tensor result, Tensor::zeros(x.shape()));
  const std::size_t width = x.dim(1);
  const std::size_t channels = x.dim(2);
  const float* from = gradient.data();
  for (std::size_t y = 0; y < gradient.dim(0); ++y) {
    for (std::size_t column = 0; column < gradient.dim(1); ++column) {
      const std::size_t corner = (2 * y * width + 2 * column) * channels;
      const std::size_t below = width * channels;
      for (std::size_t c = 0; c < channels; ++c) {
        std::size_t winner = corner + c;
        for (const std::size_t step : {channels, below, below + channels}) {
          // Strictly greater: of equal values the first keeps the gradient.
          if (x.data()[corner + c + step] > x.data()[winner]) winner = corner + c + step;
        }
        result.data()[winner] = *from++;
      }
    }
  }
  return result;
}

}  // namespace gradcam
