#include "gradcam/kernels/winograd_kernels.h"

#if defined(__x86_64__)

#include <algorithm>
#include <cstring>

#include "gradcam/kernels/gemm_tile.h"
#include "gradcam/kernels/simd.h"

// For processors with AVX2 and FMA: twice the width, and multiply-add is one instruction. The
// attribute reaches only what is defined here, so that nothing of it ends up where other processors
// run it.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

namespace gradcam::winograd {
namespace {

#define GRADCAM_WINOGRAD_WIDE
#include "gradcam/kernels/winograd_kernels.inc"

}  // namespace
}  // namespace gradcam::winograd

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace gradcam::winograd {

const Kernels kAvx2F4 = kernels<4>();
const Kernels kAvx2F6 = kernels<6>();

bool has_avx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
}

}  // namespace gradcam::winograd

#endif
