#include "gradcam/kernels/rounded_product.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#include "gradcam/kernels/gemm_tile.h"
#include "gradcam/kernels/x86.h"

namespace gradcam::rounded {
namespace {

GRADCAM_PUSH_TARGET("avx2")
namespace avx2 {

/// Sums of two products of a byte below 128 and a signed one fit into 16 bits.
inline __m256i add_products(__m256i sums, __m256i x, __m256i w) {
  const __m256i pairs = _mm256_maddubs_epi16(x, w);
  return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

#include "gradcam/kernels/rounded_product_x86.inc"

}  // namespace avx2
GRADCAM_POP_TARGET

GRADCAM_PUSH_TARGET("avx2,avxvnni")
namespace vnni {

inline __m256i add_products(__m256i sums, __m256i x, __m256i w) {
  return _mm256_dpbusd_avx_epi32(sums, x, w);
}

#include "gradcam/kernels/rounded_product_x86.inc"

}  // namespace vnni
GRADCAM_POP_TARGET

constexpr Kernels kWide[] = {{4, 127, avx2::multiply}, {4, 255, vnni::multiply}};

/// Bit 4 of EAX of leaf 7, subleaf 1; GCC 12 has no name for it.
bool has_vnni() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax >> 4 & 1) != 0;
}

}  // namespace

std::span<const Kernels> wide_kernels() {
  if (!has_avx2()) return {};
  static const std::size_t count = has_vnni() ? 2 : 1;
  return {kWide, count};
}

}  // namespace gradcam::rounded

#endif
