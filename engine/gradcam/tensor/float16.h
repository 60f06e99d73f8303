#pragma once

#include <bit>
#include <cstdint>

namespace gradcam {

/// The bits of an IEEE 754 binary16.
using Float16 = std::uint16_t;

/// Bits of a Float16 without the sign; from kFloat16Infinity on, it is not finite.
inline constexpr Float16 kFloat16Magnitude = 0x7fff;
inline constexpr Float16 kFloat16Infinity = 0x7c00;

/// The same of a float's bits.
inline constexpr std::uint32_t kFloat32Magnitude = 0x7fffffff;
inline constexpr std::uint32_t kFloat32Infinity = 0x7f800000;

/// IEEE 754 binary16 to binary32; exact, subnormals, infinities and NaN included.
inline float f16_to_f32(Float16 half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t magnitude = half & std::uint32_t{kFloat16Magnitude};
  std::uint32_t bits;
  if (magnitude >= kFloat16Infinity) {  // infinity and NaN
    bits = kFloat32Infinity | (magnitude & 0x3ff) << 13;
  } else if (magnitude >= 0x0400) {  // normal: rebias the exponent from 15 to 127
    bits = (magnitude << 13) + (112u << 23);
  } else {  // subnormal: a multiple of 2^-24, which is a normal float32
    bits = std::bit_cast<std::uint32_t>(static_cast<float>(magnitude) * 0x1p-24f);
  }
  return std::bit_cast<float>(sign | bits);
}

/// IEEE 754 binary32 to binary16, to nearest, ties to even; beyond 65504 to infinity.
Float16 f32_to_f16(float value);

}  // namespace gradcam
