// XNNPACK's wasm conversion kernels include <arm_neon.h> by mistake; what they use is this.
#include <wasm_simd128.h>
