#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gradcam/tensor/error.h"

namespace gradcam {

/// Dimensions, outermost first. Activations are NHWC with N = 1 dropped: [H, W, C].
using Shape = std::vector<std::size_t>;

/// "[14, 14, 512]", for messages.
std::string to_string(const Shape& shape);

/// The product of the dimensions; an error if it or its size in bytes (of float32) does not fit
/// the address space.
Result<std::size_t> element_count(const Shape& shape);

namespace internal {
struct AlignedDelete {
  void operator()(void* pointer) const;
};
}  // namespace internal

inline constexpr std::size_t kAlignment = 64;
inline constexpr std::size_t kTailBytes = 64;

template <class T>
using AlignedArray = std::unique_ptr<T[], internal::AlignedDelete>;

namespace internal {
void* allocate(std::size_t bytes, bool zeroed);
}

/// Memory for `count` values of T, aligned to `kAlignment` and zero-filled if asked for, or
/// kOutOfMemory. `kTailBytes` bytes past the end may be read (and are zero), as vector kernels do.
template <class T>
Result<AlignedArray<T>> allocate_array(std::size_t count, bool zeroed = true) {
  if (count > (static_cast<std::size_t>(-1) / 2 - kTailBytes - kAlignment) / sizeof(T)) {
    return fail(ErrorCode::kOutOfMemory,
                "a buffer of " + std::to_string(count) + " elements exceeds the address space");
  }
  void* memory = internal::allocate(count * sizeof(T), zeroed);
  if (memory == nullptr) {
    return fail(ErrorCode::kOutOfMemory,
                "could not allocate " + std::to_string(count * sizeof(T) >> 10) + " KiB of memory");
  }
  return AlignedArray<T>(static_cast<T*>(memory));
}

/// Whether `bytes`, and some small buffers beside them, can be allocated now. Containers abort on
/// failure where exceptions are off, so buffers whose size the input decides are tried first.
bool can_allocate(std::uint64_t bytes);

/// An owning float32 array, row-major. Movable, which leaves it empty; not copyable (copies are
/// explicit: `clone`).
class Tensor {
 public:
  Tensor() = default;
  Tensor(Tensor&& other) noexcept { *this = std::move(other); }
  Tensor& operator=(Tensor&& other) noexcept {
    shape_ = std::exchange(other.shape_, {});
    size_ = std::exchange(other.size_, 0);
    data_ = std::move(other.data_);
    return *this;
  }

  /// A tensor of zeros.
  static Result<Tensor> zeros(Shape shape);

  /// A tensor whose values have to be written before they are read.
  static Result<Tensor> uninitialized(Shape shape);

  /// A tensor holding a copy of `values`, whose number must match the shape.
  static Result<Tensor> from(Shape shape, std::span<const float> values);

  Result<Tensor> clone() const;

  /// A row of a batch [n, ...] as a tensor of its own, of a shape with as many elements.
  Result<Tensor> row_as(Shape shape, std::size_t row) const;

  const Shape& shape() const { return shape_; }
  /// 0 along an axis that it does not have, as of a tensor that was moved from.
  std::size_t dim(std::size_t axis) const { return axis < shape_.size() ? shape_[axis] : 0; }
  std::size_t rank() const { return shape_.size(); }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  std::span<float> values() { return {data_.get(), size_}; }
  std::span<const float> values() const { return {data_.get(), size_}; }

  /// The same values under another shape of the same number of elements.
  Result<void> reshape(Shape shape);

 private:
  static Result<Tensor> make(Shape shape, bool zeroed);

  Shape shape_;
  std::size_t size_ = 0;
  AlignedArray<float> data_;
};

}  // namespace gradcam
