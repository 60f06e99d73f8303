#include "gradcam/weights/to_float.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

namespace gradcam {
namespace {

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
    return std::bit_cast<std::uint32_t>(value) & kFloat32Magnitude;
  };
  for (std::size_t begin = 0; begin < out.size(); begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, out.size());
    std::uint32_t largest = 0;
    for (std::size_t i = begin; i < end; ++i) {
      out[i] = to_float(load_little_endian<Bits>(bytes.data(), i));
      largest = std::max(largest, magnitude(out[i]));
    }
    if (largest < kFloat32Infinity) continue;
    while (magnitude(out[begin]) < kFloat32Infinity) ++begin;
    return fail(ErrorCode::kCorruptModel,
                "the value at position " + std::to_string(begin) + " is " +
                    (std::isnan(out[begin]) ? "not a number" : "not a finite float32"));
  }
  return {};
}

}  // namespace

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

Result<void> to_float16(std::span<const std::uint8_t> bytes, std::span<Float16> out) {
  if (bytes.size() == out.size() * sizeof(Float16)) {
    Float16 largest = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = load_little_endian<std::uint16_t>(bytes.data(), i);
      largest = std::max(largest, static_cast<Float16>(out[i] & kFloat16Magnitude));
    }
    if (largest < kFloat16Infinity) return {};
  }
  std::vector<float> values(out.size());
  return to_float32(DType::kF16, bytes, values);  // says what is wrong
}

}  // namespace gradcam
