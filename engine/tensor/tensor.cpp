#include "tensor/tensor.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

namespace gradcam {
namespace internal {

void AlignedDelete::operator()(void* pointer) const { std::free(pointer); }

void* allocate_zeroed(std::size_t bytes) {
  // aligned_alloc wants a multiple of the alignment.
  const std::size_t total = (bytes + kTailBytes + kAlignment - 1) / kAlignment * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, total);
  if (memory != nullptr) std::memset(memory, 0, total);
  return memory;
}

}  // namespace internal

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

Result<std::size_t> element_count(const Shape& shape) {
  constexpr std::size_t kMax = std::numeric_limits<std::size_t>::max() / 2 / sizeof(float);
  std::size_t count = 1;
  for (const std::size_t dim : shape) {
    if (dim != 0 && count > kMax / dim) {
      return fail(ErrorCode::kInvalidArgument,
                  "the shape " + to_string(shape) + " has more elements than memory can address");
    }
    count *= dim;
  }
  return count;
}

Result<Tensor> Tensor::zeros(Shape shape) {
  Tensor tensor;
  GRADCAM_TRY(tensor.size_, element_count(shape));
  GRADCAM_TRY(tensor.data_, allocate_array<float>(tensor.size_));
  tensor.shape_ = std::move(shape);
  return tensor;
}

Result<Tensor> Tensor::from(Shape shape, std::span<const float> values) {
  GRADCAM_TRY(Tensor tensor, zeros(std::move(shape)));
  if (tensor.size() != values.size()) {
    return fail(ErrorCode::kInvalidArgument, std::to_string(values.size()) +
                                                 " values do not fill the shape " +
                                                 to_string(tensor.shape()));
  }
  std::ranges::copy(values, tensor.data());
  return tensor;
}

Result<void> Tensor::reshape(Shape shape) {
  GRADCAM_TRY(const std::size_t count, element_count(shape));
  if (count != size_) {
    return fail(ErrorCode::kInvalidArgument,
                to_string(shape_) + " cannot be reshaped to " + to_string(shape));
  }
  shape_ = std::move(shape);
  return {};
}

}  // namespace gradcam
