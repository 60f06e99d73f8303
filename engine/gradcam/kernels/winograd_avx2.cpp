#include "gradcam/kernels/winograd_kernels.h"

#if defined(__x86_64__)

#include <algorithm>
#include <cstring>

#include "gradcam/kernels/gemm_tile.h"
#include "gradcam/kernels/simd.h"
#include "gradcam/kernels/x86.h"

// Twice the width, and multiply-add is one instruction.
GRADCAM_PUSH_TARGET("avx2,fma")

namespace gradcam::winograd {
namespace {

#define GRADCAM_WINOGRAD_WIDE
#include "gradcam/kernels/winograd_kernels.inc"

}  // namespace
}  // namespace gradcam::winograd

GRADCAM_POP_TARGET

namespace gradcam::winograd {

const Kernels kAvx2F4 = kernels<4>();
const Kernels kAvx2F6 = kernels<6>();

}  // namespace gradcam::winograd

#endif
