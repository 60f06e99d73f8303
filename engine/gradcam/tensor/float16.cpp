#include "gradcam/tensor/float16.h"

#include <bit>

namespace gradcam {

Float16 f32_to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000u;
  const std::uint32_t magnitude = bits & kFloat32Magnitude;
  std::uint32_t half;
  if (magnitude > kFloat32Infinity) {
    half = 0x7e00;  // a quiet NaN
  } else if (magnitude >= 0x477ff000) {
    half = 0x7c00;  // from 65520, half way beyond the largest number, everything is infinity
  } else if (magnitude >= 0x38800000) {
    const std::uint32_t odd = magnitude >> 13 & 1;  // rounds half way up only to an even number
    half = (magnitude - (112u << 23) + 0xfff + odd) >> 13;
  } else {
    // Adding 0.5, whose last bit is worth 2^-24 as a subnormal's is, makes the addition round.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    half = std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(0.5f);
  }
  return static_cast<Float16>(sign | half);
}

}  // namespace gradcam
