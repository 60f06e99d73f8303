#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

/// For loops of a few rounds, which compilers would write out as if they were long.
#if defined(__clang__)
#define GRADCAM_SHORT_LOOP _Pragma("clang loop vectorize(disable) unroll(disable)")
#else
#define GRADCAM_SHORT_LOOP _Pragma("GCC unroll 1")
#endif

/// For loops over registers, at most eight, which must be written out even where code is to be
/// small.
#if defined(__clang__)
#define GRADCAM_UNROLLED_LOOP _Pragma("clang loop unroll(full)")
#else
#define GRADCAM_UNROLLED_LOOP _Pragma("GCC unroll 8")
#endif

/// Four floats at a time, as a compiler vector: the same text becomes wasm simd128, relaxed SIMD,
/// SSE or NEON, so that the code that runs in the browser is the code that the sanitizers see.
namespace gradcam::simd {

using F32x4 = float __attribute__((vector_size(16)));
using F32x2 = float __attribute__((vector_size(8)));
using F64x2 = double __attribute__((vector_size(16)));
using I32x4 = std::int32_t __attribute__((vector_size(16)));
using U32x4 = std::uint32_t __attribute__((vector_size(16)));
using I16x4 = std::int16_t __attribute__((vector_size(8)));
using U16x4 = std::uint16_t __attribute__((vector_size(8)));
using I16x8 = std::int16_t __attribute__((vector_size(16)));
using I8x4 = std::int8_t __attribute__((vector_size(4)));
using I8x8 = std::int8_t __attribute__((vector_size(8)));
using U8x8 = std::uint8_t __attribute__((vector_size(8)));
using U8x4 = std::uint8_t __attribute__((vector_size(4)));

inline constexpr int kLanes = 4;

inline F32x4 load(const float* p) {
  F32x4 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline F64x2 load(const double* p) {
  F64x2 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// Two floats as doubles.
inline F64x2 load_doubles(const float* p) {
  F32x2 v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, F64x2);
}

inline U32x4 load(const std::uint32_t* p) {
  U32x4 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// Brings the line of p into the caches: in wasm, which has no such instruction, by a load of what
/// nobody waits for.
inline void prefetch(const float* p) {
#if defined(__wasm__)
  (void)*static_cast<const volatile float*>(p);
#else
  __builtin_prefetch(p);
#endif
}

inline void store(float* p, F32x4 v) { std::memcpy(p, &v, sizeof v); }

inline void store(std::int32_t* p, I32x4 v) { std::memcpy(p, &v, sizeof v); }

/// Copies a few dozen floats, by a loop that compilers do not take for memcpy: a call of that costs
/// browsers more than the copying.
inline void copy(const float* from, std::size_t count, float* to) {
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    store(to + i, load(from + i));
    asm volatile("");
  }
  for (; i < count; ++i) {
    to[i] = from[i];
    asm volatile("");
  }
}

inline F32x4 splat(float x) { return F32x4{x, x, x, x}; }
/// Of words alone: other numbers become floats.
template <std::same_as<std::uint32_t> Word>
inline U32x4 splat(Word x) {
  return U32x4{x, x, x, x};
}

/// splat(*p), for innermost loops. WebKit, for which the build without relaxed SIMD is, makes one
/// instruction of that if the load adds no constant to the address, and three if it does; other
/// browsers are better at such constants than at one more addition.
template <class Number>
inline auto load_splat(const Number* p) {
#if defined(__wasm_simd128__) && !defined(__wasm_relaxed_simd__)
  asm("" : "+r"(p));
#endif
  return splat(*p);
}

/// Four int8 values as floats.
inline F32x4 load_int8(const std::int8_t* p) {
  I8x4 v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, F32x4);
}

inline I16x8 load(const std::int16_t* p) {
  I16x8 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// Eight int8 values, or bytes without a sign, as numbers of 16 bits.
inline I16x8 load_int8_as_int16(const std::int8_t* p) {
  I8x8 v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, I16x8);
}
inline I16x8 load_uint8_as_int16(const std::uint8_t* p) {
  U8x8 v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, I16x8);
}

/// Four finite float16 values as floats, subnormals included (tensor/float16.h).
inline F32x4 load_float16(const std::uint16_t* p) {
  U16x4 v;
  std::memcpy(&v, p, sizeof v);
  const U32x4 bits = __builtin_convertvector(v, U32x4);
  const U32x4 magnitude = bits & 0x7fff;
  const U32x4 normal = (magnitude << 13) + (112u << 23);
  const F32x4 multiple = __builtin_convertvector(reinterpret_cast<I32x4>(magnitude), F32x4);
  const U32x4 subnormal = reinterpret_cast<U32x4>(multiple * 0x1p-24f);
  const U32x4 value = magnitude < 0x400 ? subnormal : normal;
  return reinterpret_cast<F32x4>(value | (bits & 0x8000) << 16);
}

/// The first (Half = 0) or the last four numbers of a block of int4 (tensor/int4.h) as floats.
template <int Half>
inline F32x4 load_int4(const std::uint8_t* p) {
  U8x4 v;
  std::memcpy(&v, p, sizeof v);
  const U32x4 pairs = __builtin_convertvector(v, U32x4);
  const U32x4 highest = pairs << (Half == 0 ? 28 : 24);
  return __builtin_convertvector(reinterpret_cast<I32x4>(highest) >> 28, F32x4);
}

/// a * b + c; fused where the target fuses, so results may differ in the last bit between targets.
inline F32x4 madd(F32x4 a, F32x4 b, F32x4 c) {
#if defined(__wasm_relaxed_simd__)
  return __builtin_wasm_relaxed_madd_f32x4(a, b, c);
#else
  return a * b + c;
#endif
}

/// c plus, in each lane, the products of two numbers of x and of w.
inline I32x4 madd_pairs(I16x8 x, I16x8 w, I32x4 c) {
#if defined(__wasm_simd128__)
  return __builtin_wasm_dot_s_i32x4_i16x8(x, w) + c;
#elif defined(__SSE2__)
  return __builtin_ia32_pmaddwd128(x, w) + c;
#else
  const auto low = [](I16x8 v) {
    return reinterpret_cast<I32x4>(reinterpret_cast<U32x4>(v) << 16) >> 16;
  };
  const auto high = [](I16x8 v) { return reinterpret_cast<I32x4>(v) >> 16; };
  return low(x) * low(w) + high(x) * high(w) + c;
#endif
}

#if defined(__wasm_relaxed_simd__)
/// The same of four numbers of 8 bits, of which those in x have no sign and are below 128.
inline I32x4 madd_bytes(U32x4 x, U32x4 w, I32x4 c) {
  using I8x16 = signed char __attribute__((vector_size(16)));
  return __builtin_wasm_relaxed_dot_i8x16_i7x16_add_s_i32x4(reinterpret_cast<I8x16>(w),
                                                            reinterpret_cast<I8x16>(x), c);
}
#endif

/// a where one of the two is NaN.
inline F32x4 max(F32x4 a, F32x4 b) {
#if defined(__wasm_simd128__)
  return __builtin_wasm_pmax_f32x4(a, b);
#else
  return a < b ? b : a;
#endif
}

/// Whether no lane of a comparison is 0.
inline bool all(I32x4 v) {
#if defined(__wasm_simd128__)
  return __builtin_wasm_all_true_i32x4(v);
#else
  return (v[0] & v[1] & v[2] & v[3]) != 0;
#endif
}

/// NaN stays NaN: an overflow must not look like an answer.
inline F32x4 relu(F32x4 v) { return max(v, F32x4{}); }

/// Turns four rows of four into four columns.
inline void transpose(F32x4& a, F32x4& b, F32x4& c, F32x4& d) {
  const F32x4 ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const F32x4 ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const F32x4 cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const F32x4 cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  a = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  b = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

inline float sum(F32x4 v) { return (v[0] + v[1]) + (v[2] + v[3]); }

}  // namespace gradcam::simd
