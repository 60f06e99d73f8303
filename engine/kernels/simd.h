#pragma once

#include <cstring>

/// Four floats at a time, as a compiler vector: the same text becomes wasm simd128, relaxed SIMD,
/// SSE or NEON, so that the code that runs in the browser is the code that the sanitizers see.
namespace gradcam::simd {

using F32x4 = float __attribute__((vector_size(16)));
using I8x4 = signed char __attribute__((vector_size(4)));

inline constexpr int kLanes = 4;

inline F32x4 load(const float* p) {
  F32x4 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline void store(float* p, F32x4 v) { std::memcpy(p, &v, sizeof v); }

inline F32x4 splat(float x) { return F32x4{x, x, x, x}; }

/// Four int8 values as floats.
inline F32x4 load_int8(const signed char* p) {
  I8x4 v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, F32x4);
}

/// a * b + c; fused where the target fuses, so results may differ in the last bit between targets.
inline F32x4 madd(F32x4 a, F32x4 b, F32x4 c) {
#if defined(__wasm_relaxed_simd__)
  return __builtin_wasm_relaxed_madd_f32x4(a, b, c);
#else
  return a * b + c;
#endif
}

inline F32x4 max(F32x4 a, F32x4 b) {
#if defined(__wasm_simd128__)
  return __builtin_wasm_pmax_f32x4(a, b);
#else
  return a < b ? b : a;
#endif
}

inline F32x4 relu(F32x4 v) { return max(F32x4{}, v); }

inline float sum(F32x4 v) { return (v[0] + v[1]) + (v[2] + v[3]); }

}  // namespace gradcam::simd
