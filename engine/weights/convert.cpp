#include "weights/convert.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>

namespace gradcam {
namespace {

constexpr std::uint32_t kF32Magnitude = 0x7fffffff;
constexpr std::uint32_t kF32Infinity = 0x7f800000;

// The bits of element `i` of little-endian data at any alignment.
template <class Bits>
Bits load_little_endian(const std::uint8_t* bytes, std::size_t i) {
  Bits bits;
  std::memcpy(&bits, bytes + i * sizeof(Bits), sizeof(Bits));
  if constexpr (std::endian::native == std::endian::big) bits = std::byteswap(bits);
  return bits;
}

// Converts block by block, so that the check reads from the cache. A float is finite if its bits
// without the sign are below infinity's: a maximum, which vectorises, settles a block.
template <class Bits, class ToFloat>
Result<void> convert(std::span<const std::uint8_t> bytes, ToFloat to_float, std::span<float> out) {
  constexpr std::size_t kBlock = 4096;
  const auto magnitude = [](float value) {
    return std::bit_cast<std::uint32_t>(value) & kF32Magnitude;
  };
  for (std::size_t begin = 0; begin < out.size(); begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, out.size());
    std::uint32_t largest = 0;
    for (std::size_t i = begin; i < end; ++i) {
      out[i] = to_float(load_little_endian<Bits>(bytes.data(), i));
      largest = std::max(largest, magnitude(out[i]));
    }
    if (largest < kF32Infinity) continue;
    while (magnitude(out[begin]) < kF32Infinity) ++begin;
    return fail(ErrorCode::kCorruptModel,
                "the value at position " + std::to_string(begin) + " is " +
                    (std::isnan(out[begin]) ? "not a number" : "not a finite float32"));
  }
  return {};
}

}  // namespace

float f16_to_f32(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t magnitude = half & 0x7fffu;
  std::uint32_t bits;
  if (magnitude >= 0x7c00) {  // infinity and NaN
    bits = kF32Infinity | (magnitude & 0x3ff) << 13;
  } else if (magnitude >= 0x0400) {  // normal: rebias the exponent from 15 to 127
    bits = (magnitude << 13) + (112u << 23);
  } else {  // subnormal: a multiple of 2^-24, which is a normal float32
    bits = std::bit_cast<std::uint32_t>(static_cast<float>(magnitude) * 0x1p-24f);
  }
  return std::bit_cast<float>(sign | bits);
}

std::uint16_t f32_to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000u;
  const std::uint32_t magnitude = bits & kF32Magnitude;
  std::uint32_t half;
  if (magnitude > kF32Infinity) {
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
  return static_cast<std::uint16_t>(sign | half);
}

Result<void> to_float32(DType dtype, std::span<const std::uint8_t> bytes, std::span<float> out) {
  const std::size_t size = dtype_size(dtype);
  if (size != 0 && (bytes.size() % size != 0 || bytes.size() / size != out.size())) {
    return fail(ErrorCode::kInvalidArgument, std::to_string(bytes.size()) + " bytes do not hold " +
                                                 std::to_string(out.size()) + " values of " +
                                                 std::string(dtype_name(dtype)));
  }
  switch (dtype) {
    case DType::kF64:
      return convert<std::uint64_t>(
          bytes, [](std::uint64_t bits) { return static_cast<float>(std::bit_cast<double>(bits)); },
          out);
    case DType::kF32:
      return convert<std::uint32_t>(
          bytes, [](std::uint32_t bits) { return std::bit_cast<float>(bits); }, out);
    case DType::kF16:
      return convert<std::uint16_t>(
          bytes, [](std::uint16_t bits) { return f16_to_f32(bits); }, out);
    case DType::kBF16:
      return convert<std::uint16_t>(
          bytes,
          [](std::uint16_t bits) {
            return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
          },
          out);
    default:
      return fail(ErrorCode::kInvalidArgument,
                  std::string(dtype_name(dtype)) + " values cannot be converted to float32");
  }
}

void oihw_to_ohwi(std::span<const float> in, std::size_t outputs, std::size_t inputs,
                  std::size_t rows, std::size_t cols, std::span<float> out) {
  const std::size_t filter = inputs * rows * cols;
  for (std::size_t o = 0; o < outputs; ++o) {
    chw_columns_to_hwc(in.subspan(o * filter, filter), inputs, rows, cols,
                       out.subspan(o * filter, filter));
  }
}

void quantize_rows(std::span<const float> w, std::span<std::int8_t> q, std::span<float> scale) {
  constexpr float kSteps = 127;
  const std::size_t columns = scale.empty() ? 0 : w.size() / scale.size();
  for (std::size_t row = 0; row < scale.size(); ++row) {
    const auto values = w.subspan(row * columns, columns);
    float largest = 0;
    for (const float value : values) largest = std::max(largest, std::abs(value));
    const bool has_scale = std::isnormal(largest / kSteps);
    scale[row] = has_scale ? largest / kSteps : 1.0f;
    for (std::size_t i = 0; i < columns; ++i) {
      const float steps = std::nearbyint(values[i] / scale[row]);
      q[row * columns + i] = static_cast<std::int8_t>(std::clamp(steps, -kSteps, kSteps));
    }
  }
}

void dequantize_rows(std::span<const std::int8_t> q, std::span<const float> scale,
                     std::span<float> out) {
  const std::size_t columns = scale.empty() ? 0 : q.size() / scale.size();
  for (std::size_t row = 0; row < scale.size(); ++row) {
    for (std::size_t i = row * columns; i < (row + 1) * columns; ++i) {
      out[i] = scale[row] * static_cast<float>(q[i]);
    }
  }
}

}  // namespace gradcam
