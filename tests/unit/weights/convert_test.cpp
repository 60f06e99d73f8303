#include "weights/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace gradcam {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

template <class T>
std::vector<std::uint8_t> bytes_of(const std::vector<T>& values) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// What binary16 means by IEEE 754: sign, exponent with bias 15, ten bits of fraction.
double meaning(std::uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  const double magnitude = exponent == 31  ? (fraction == 0 ? kInfinity : kNan)
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
  EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(kNan))));
  EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(std::bit_cast<float>(0x7f800001u)))));
}

#if defined(__FLT16_MANT_DIG__)
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

TEST(ToFloat32, ReadsEveryFloatType) {
  std::vector<float> out(4);
  ASSERT_TRUE(to_float32(DType::kF32, bytes_of<float>({1.5f, -0.0f, 3e38f, 1e-45f}), out));
  EXPECT_THAT(out, ElementsAre(1.5f, -0.0f, 3e38f, 1e-45f));
  ASSERT_TRUE(to_float32(DType::kF64, bytes_of<double>({1.5, -0.1, 1e-300, 3e38}), out));
  EXPECT_THAT(out, ElementsAre(1.5f, -0.1f, 0.0f, 3e38f));
  ASSERT_TRUE(to_float32(DType::kF16, bytes_of<std::uint16_t>({0x3e00, 0x8001, 0x7bff, 0}), out));
  EXPECT_THAT(out, ElementsAre(1.5f, -0x1p-24f, 65504.0f, 0.0f));
  ASSERT_TRUE(to_float32(DType::kBF16, bytes_of<std::uint16_t>({0x3fc0, 0xc000, 0x7f7f, 1}), out));
  EXPECT_THAT(out, ElementsAre(1.5f, -2.0f, 0x1.fep127f, 0x1p-133f));
  EXPECT_TRUE(to_float32(DType::kF32, {}, {}));
}

TEST(ToFloat32, ReadsUnalignedBytes) {
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kF16, DType::kBF16}) {
    // One over and over: every type's last byte holds sign and exponent.
    std::vector<std::uint8_t> one;
    if (dtype == DType::kF64) one = bytes_of<double>({1});
    if (dtype == DType::kF32) one = bytes_of<float>({1});
    if (dtype == DType::kF16) one = {0x00, 0x3c};
    if (dtype == DType::kBF16) one = {0x80, 0x3f};
    std::vector<std::uint8_t> bytes(1);
    for (int i = 0; i < 9; ++i) bytes.insert(bytes.end(), one.begin(), one.end());
    std::vector<float> out(9);
    ASSERT_TRUE(to_float32(dtype, std::span(bytes).subspan(1), out)) << dtype_name(dtype);
    EXPECT_THAT(out, ::testing::Each(1.0f)) << dtype_name(dtype);
  }
}

TEST(ToFloat32, NamesTheFirstValueThatIsNotFinite) {
  const auto error_at = [](std::size_t position, float value) {
    std::vector<float> values(10'000, -1);
    values[position] = value;
    values.back() = kNan;
    std::vector<float> out(values.size());
    const auto result = to_float32(DType::kF32, bytes_of(values), out);
    EXPECT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kCorruptModel);
    return result.error().message;
  };
  EXPECT_EQ(error_at(0, kNan), "the value at position 0 is not a number");
  EXPECT_EQ(error_at(4095, -kNan), "the value at position 4095 is not a number");
  EXPECT_EQ(error_at(4096, kInfinity), "the value at position 4096 is not a finite float32");
  EXPECT_EQ(error_at(8191, -kInfinity), "the value at position 8191 is not a finite float32");
  EXPECT_EQ(error_at(9999, kNan), "the value at position 9999 is not a number");

  std::vector<float> out(2);
  EXPECT_FALSE(to_float32(DType::kF64, bytes_of<double>({0, 1e39}), out));
  EXPECT_FALSE(to_float32(DType::kF16, bytes_of<std::uint16_t>({0x7c00, 0}), out));
  EXPECT_FALSE(to_float32(DType::kBF16, bytes_of<std::uint16_t>({0, 0xff81}), out));
}

TEST(ToFloat32, RefusesOtherTypesAndWrongSizes) {
  std::vector<float> out(2);
  const auto code_of = [&](DType dtype, std::size_t size) {
    const auto result = to_float32(dtype, std::vector<std::uint8_t>(size), out);
    return result ? "" : std::string(error_code_name(result.error().code));
  };
  EXPECT_EQ(code_of(DType::kF32, 8), "");
  EXPECT_EQ(code_of(DType::kF32, 7), "invalid_argument");
  EXPECT_EQ(code_of(DType::kF32, 9), "invalid_argument");
  EXPECT_EQ(code_of(DType::kF64, 8), "invalid_argument");
  EXPECT_EQ(code_of(DType::kI8, 2), "invalid_argument");
  EXPECT_EQ(code_of(DType::kF8E4M3, 2), "invalid_argument");
  EXPECT_EQ(code_of(DType::kF4, 1), "invalid_argument");
}

// The permutations against PyTorch's are in layouts_test.cpp; here, their formulas.
TEST(Layouts, MoveEveryElementToItsPlace) {
  constexpr std::size_t kO = 2, kI = 3, kH = 4, kW = 5;
  std::vector<float> in(kO * kI * kH * kW);
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i);
  std::vector<float> out(in.size());
  oihw_to_ohwi(in, kO, kI, kH, kW, out);
  std::vector<std::int8_t> row(in.begin(), in.begin() + kI * kH * kW);
  std::vector<std::int8_t> row_out(row.size());
  chw_columns_to_hwc(row, kI, kH, kW, std::span(row_out));
  for (std::size_t o = 0; o < kO; ++o) {
    for (std::size_t i = 0; i < kI; ++i) {
      for (std::size_t y = 0; y < kH; ++y) {
        for (std::size_t x = 0; x < kW; ++x) {
          const std::size_t to = (y * kW + x) * kI + i;
          EXPECT_EQ(out[o * kI * kH * kW + to], in[((o * kI + i) * kH + y) * kW + x]);
          EXPECT_EQ(row_out[to], row[(i * kH + y) * kW + x]);
        }
      }
    }
  }
}

TEST(QuantizeRows, RoundsToTheNearestStep) {
  // Rows of scale 1, 2 and 0.5; halves round to the even number of steps.
  const std::vector<float> w = {127, 1.4f, -1.6f, 2.5f, -254, 3, 5, -0.9f, 63.5f, 0.3f, 0, -0.24f};
  std::vector<std::int8_t> q(w.size());
  std::vector<float> scale(3);
  quantize_rows(w, q, scale);
  EXPECT_THAT(scale, ElementsAre(1.0f, 2.0f, 0.5f));
  EXPECT_THAT(q, ElementsAre(127, 1, -2, 2, -127, 2, 2, 0, 127, 1, 0, 0));
  std::vector<float> back(w.size());
  dequantize_rows(q, scale, back);
  EXPECT_THAT(back, ElementsAre(127, 1, -2, 2, -254, 4, 4, 0, 63.5f, 0.5f, 0, 0));
}

TEST(QuantizeRows, StaysWithinHalfAStep) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  constexpr std::size_t kRows = 50, kColumns = 257;
  std::vector<float> w(kRows * kColumns);
  for (std::size_t i = 0; i < w.size(); ++i) {
    w[i] = std::ldexp(normal(random), static_cast<int>(i / kColumns) * 4 - 100);
  }
  std::vector<std::int8_t> q(w.size());
  std::vector<float> scale(kRows);
  std::vector<float> back(w.size());
  quantize_rows(w, q, scale);
  dequantize_rows(q, scale, back);
  for (std::size_t i = 0; i < w.size(); ++i) {
    ASSERT_NEAR(back[i], w[i], 0.5001 * scale[i / kColumns]) << i;
    ASSERT_GE(q[i], -127) << i;
  }
}

TEST(QuantizeRows, ExtremeRowsStayFinite) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  const float huge = std::numeric_limits<float>::max();
  const std::vector<float> w = {0, -0.0f, tiny, -tiny, huge, -huge};
  std::vector<std::int8_t> q(w.size());
  std::vector<float> scale(3);
  quantize_rows(w, q, scale);
  EXPECT_THAT(q, ElementsAre(0, 0, 0, 0, 127, -127));
  EXPECT_THAT(scale, ElementsAre(1.0f, 1.0f, huge / 127));

  quantize_rows({}, {}, {});
  dequantize_rows({}, {}, {});
}

}  // namespace
}  // namespace gradcam
