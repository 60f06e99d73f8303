#include "gradcam/tensor/float16.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

#include "support/values.h"

namespace gradcam {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// What binary16 means by IEEE 754: sign, exponent with bias 15, ten bits of fraction.
double meaning(std::uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  const double magnitude = exponent == 31  ? (fraction == 0 ? kInfinity : testing::kNaN)
                           : exponent == 0 ? std::ldexp(fraction, -24)
                                           : std::ldexp(1024 + fraction, exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

TEST(Float16, EveryValueMeansWhatTheStandardSays) {
  for (unsigned h = 0; h < 65536; ++h) {
    const auto half = static_cast<std::uint16_t>(h);
    const double expected = meaning(half);
    const float value = f16_to_f32(half);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value)) << h;
    } else {
      EXPECT_EQ(value, expected) << h;
    }
    EXPECT_EQ(std::signbit(value), h >= 0x8000) << h;
  }
}

// zlib.crc32 of numpy's arange(65536, dtype='<u2').view('<f2').astype('<f4'), NaN as 0x7fc00000.
TEST(Float16, EveryValueIsNumpys) {
  constexpr std::uint32_t kNumpysCrc = 0x3020c7a7;
  std::uint32_t crc = ~0u;
  for (unsigned h = 0; h < 65536; ++h) {
    const float value = f16_to_f32(static_cast<std::uint16_t>(h));
    const std::uint32_t bits = std::isnan(value) ? 0x7fc00000 : std::bit_cast<std::uint32_t>(value);
    for (int byte = 0; byte < 4; ++byte) {
      crc ^= bits >> 8 * byte & 0xff;
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
    }
  }
  EXPECT_EQ(~crc, kNumpysCrc);
}

// Rounding is settled at the numbers themselves, half way between neighbours, and beside that.
TEST(Float16, RoundsToTheNearestAndTiesToEven) {
  for (unsigned h = 0; h < 0x7c00; ++h) {
    const auto half = static_cast<std::uint16_t>(h);
    const auto next = static_cast<std::uint16_t>(h + 1);
    const double here = meaning(half);
    // Past the largest finite number, the next step would be 65536.
    const double there = next == 0x7c00 ? 65536.0 : meaning(next);
    const auto middle = static_cast<float>((here + there) / 2);
    const std::uint16_t even = h % 2 == 0 ? half : next;
    for (const std::uint16_t sign : {0, 0x8000}) {
      const float s = sign == 0 ? 1.0f : -1.0f;
      EXPECT_EQ(f32_to_f16(s * static_cast<float>(here)), sign | half) << h;
      EXPECT_EQ(f32_to_f16(s * middle), sign | even) << h;
      EXPECT_EQ(f32_to_f16(s * std::nextafter(middle, 0.0f)), sign | half) << h;
      EXPECT_EQ(f32_to_f16(s * std::nextafter(middle, kInfinity)), sign | next) << h;
    }
  }
  EXPECT_EQ(f32_to_f16(kInfinity), 0x7c00);
  EXPECT_EQ(f32_to_f16(-kInfinity), 0xfc00);
  EXPECT_EQ(f32_to_f16(std::numeric_limits<float>::max()), 0x7c00);
  EXPECT_EQ(f32_to_f16(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(testing::kNaN))));
  EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(std::bit_cast<float>(0x7f800001u)))));
}

// GCC 12 has it in C++ for x86 alone, and the macro everywhere.
#if defined(__FLT16_MANT_DIG__) && (defined(__clang__) || __GNUC__ > 12 || defined(__x86_64__))
TEST(Float16, RoundsLikeTheCompiler) {
  std::mt19937 random(16);
  for (int i = 0; i < 1'000'000; ++i) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isnan(value)) continue;
    const auto expected = std::bit_cast<std::uint16_t>(static_cast<_Float16>(value));
    ASSERT_EQ(f32_to_f16(value), expected) << value;
  }
}
#endif

}  // namespace
}  // namespace gradcam
