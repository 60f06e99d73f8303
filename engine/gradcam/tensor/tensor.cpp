#include "gradcam/tensor/tensor.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

#include "gradcam/tensor/text.h"

namespace gradcam {

bool can_allocate(std::uint64_t bytes) {
  constexpr std::size_t kSmallOnes = 1 << 18;
  if (bytes > std::numeric_limits<std::size_t>::max() / 2) return false;
  // volatile, because compilers may otherwise remove the pair and assume that it succeeded.
  void* volatile probe = std::malloc(static_cast<std::size_t>(bytes) + kSmallOnes);
  const bool succeeded = probe != nullptr;
  std::free(probe);
  return succeeded;
}

namespace internal {

#if defined(_WIN32)
void AlignedDelete::operator()(void* pointer) const { _aligned_free(pointer); }
#else
void AlignedDelete::operator()(void* pointer) const { std::free(pointer); }
#endif

void* allocate(std::size_t bytes, bool zeroed) {
  // aligned_alloc wants a multiple of the alignment.
  const std::size_t total = (bytes + kTailBytes + kAlignment - 1) / kAlignment * kAlignment;
#if defined(_WIN32)  // which has none
  auto* memory = static_cast<std::byte*>(_aligned_malloc(total, kAlignment));
#else
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(kAlignment, total));
#endif
  const std::size_t first = zeroed ? 0 : bytes;
  if (memory != nullptr) std::memset(memory + first, 0, total - first);
  return memory;
}

}  // namespace internal

std::string to_string(const Shape& shape) {
  return "[" + internal::joined(shape, [](std::size_t side) { return std::to_string(side); }) + "]";
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

Result<Tensor> Tensor::make(Shape shape, bool zeroed) {
  Tensor tensor;
  GRADCAM_TRY(tensor.size_, element_count(shape));
  GRADCAM_TRY(tensor.data_, allocate_array<float>(tensor.size_, zeroed));
  tensor.shape_ = std::move(shape);
  return tensor;
}

Result<Tensor> Tensor::zeros(Shape shape) { return make(std::move(shape), true); }

Result<Tensor> Tensor::uninitialized(Shape shape) { return make(std::move(shape), false); }

Result<Tensor> Tensor::from(Shape shape, std::span<const float> values) {
  GRADCAM_TRY(Tensor tensor, uninitialized(std::move(shape)));
  if (tensor.size() != values.size()) {
    return fail(ErrorCode::kInvalidArgument, std::to_string(values.size()) +
                                                 " values do not fill the shape " +
                                                 to_string(tensor.shape()));
  }
  std::ranges::copy(values, tensor.data());
  return tensor;
}

Result<Tensor> Tensor::clone() const {
  // Without a shape it would be one number.
  if (data_ == nullptr) return Tensor();
  return from(shape_, values());
}

Result<Tensor> Tensor::row_as(Shape shape, std::size_t row) const {
  const std::size_t size = size_ / shape_[0];
  return from(std::move(shape), values().subspan(row * size, size));
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
