#include "gradcam/layers/max_pool.h"

#include "gradcam/kernels/max_pool2x2.h"

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

Result<Tensor> max_pool_backward(const Tensor& x, const Tensor& gradient, bool through_relu) {
  GRADCAM_CHECK_OK(check_shapes(x, gradient));
  GRADCAM_TRY(Tensor result, Tensor::uninitialized(x.shape()));
  max_pool2x2_backward(x.data(), x.dim(0), x.dim(1), x.dim(2), gradient.data(), result.data(),
                       through_relu);
  return result;
}

}  // namespace gradcam
