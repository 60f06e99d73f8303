#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// Products of small whole numbers, several of which share a word of 32 bits. Where processors have
/// an instruction for that they cost a fraction of products of floats.
namespace gradcam::rounded {

/// y[r, o] = sum over words k of the products of the numbers in x[r, k] and in W[k, o].
struct Product {
  const std::uint32_t* x;  ///< [rows][pitch]
  std::size_t rows;
  std::size_t pitch;
  const std::uint32_t* panel;  ///< W, [words][8]
  std::size_t words;
  std::int32_t* y;  ///< [rows][8]
};

struct Kernels {
  /// Numbers in a word: two of 16 bits, or four of 8 bits, which in x are not negative.
  std::size_t numbers;
  /// The largest in x, if they are of 8 bits.
  std::int32_t largest;
  void (*multiply)(const Product& product);
};

/// What runs on this processor, the fastest last.
std::span<const Kernels> kernels();

#if defined(__x86_64__)
/// The same of what runs only where `has_avx2()`; nothing elsewhere.
std::span<const Kernels> wide_kernels();
#endif

}  // namespace gradcam::rounded
