#pragma once

#if defined(__x86_64__)

/// What is defined between GRADCAM_PUSH_TARGET("avx2,...") and GRADCAM_POP_TARGET is compiled for
/// processors that have these; nothing else is, so that none of it ends up where other processors
/// run it. GCC's and clang's intrinsics bring their own.
#define GRADCAM_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define GRADCAM_PUSH_TARGET(features) \
  GRADCAM_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define GRADCAM_POP_TARGET _Pragma("clang attribute pop")
#else
#define GRADCAM_PUSH_TARGET(features) \
  _Pragma("GCC push_options") GRADCAM_PRAGMA(GCC target(features))
#define GRADCAM_POP_TARGET _Pragma("GCC pop_options")
#endif

namespace gradcam {

/// Whether this processor has AVX2 and FMA.
inline bool has_avx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
}

}  // namespace gradcam

#endif
