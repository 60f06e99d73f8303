#include "gradcam/kernels/rounded_product.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#include "gradcam/kernels/gemm_tile.h"

// Attributes reach only what is defined between them, so that nothing of it ends up where other
// processors run it. GCC's and clang's intrinsics bring their own.
#if defined(__clang__)
#define GRADCAM_PUSH_AVX2 \
  _Pragma("clang attribute push(__attribute__((target(\"avx2\"))), apply_to = function)")
#define GRADCAM_PUSH_VNNI \
  _Pragma("clang attribute push(__attribute__((target(\"avx2,avxvnni\"))), apply_to = function)")
#define GRADCAM_POP _Pragma("clang attribute pop")
#else
#define GRADCAM_PUSH_AVX2 _Pragma("GCC push_options") _Pragma("GCC target(\"avx2\")")
#define GRADCAM_PUSH_VNNI _Pragma("GCC push_options") _Pragma("GCC target(\"avx2,avxvnni\")")
#define GRADCAM_POP _Pragma("GCC pop_options")
#endif

namespace gradcam::rounded {
namespace {

GRADCAM_PUSH_AVX2
namespace avx2 {

/// Sums of two products of a byte below 128 and a signed one fit into 16 bits.
inline __m256i add_products(__m256i sums, __m256i x, __m256i w) {
  const __m256i pairs = _mm256_maddubs_epi16(x, w);
  return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

#include "gradcam/kernels/rounded_product_x86.inc"

}  // namespace avx2
GRADCAM_POP

GRADCAM_PUSH_VNNI
namespace vnni {

inline __m256i add_products(__m256i sums, __m256i x, __m256i w) {
  return _mm256_dpbusd_avx_epi32(sums, x, w);
}

#include "gradcam/kernels/rounded_product_x86.inc"

}  // namespace vnni
GRADCAM_POP

constexpr Kernels kWide[] = {{4, 127, avx2::multiply}, {4, 255, vnni::multiply}};

/// Bit 4 of EAX of leaf 7, subleaf 1; GCC 12 has no name for it.
bool has_vnni() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax >> 4 & 1) != 0;
}

}  // namespace

std::span<const Kernels> wide_kernels() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") == 0) return {};
  static const std::size_t count = has_vnni() ? 2 : 1;
  return {kWide, count};
}

}  // namespace gradcam::rounded

#endif
