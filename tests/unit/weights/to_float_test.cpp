#include "gradcam/weights/to_float.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "support/values.h"

namespace gradcam {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <class T>
std::vector<std::uint8_t> bytes_of(const std::vector<T>& values) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

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
    values.back() = testing::kNaN;
    std::vector<float> out(values.size());
    const auto result = to_float32(DType::kF32, bytes_of(values), out);
    EXPECT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kCorruptModel);
    return result.error().message;
  };
  EXPECT_EQ(error_at(0, testing::kNaN), "the value at position 0 is not a number");
  EXPECT_EQ(error_at(4095, -testing::kNaN), "the value at position 4095 is not a number");
  EXPECT_EQ(error_at(4096, kInfinity), "the value at position 4096 is not a finite float32");
  EXPECT_EQ(error_at(8191, -kInfinity), "the value at position 8191 is not a finite float32");
  EXPECT_EQ(error_at(9999, testing::kNaN), "the value at position 9999 is not a number");

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

TEST(ToFloat16, KeepsEveryFiniteNumberAsItIs) {
  std::vector<Float16> all;
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    if ((bits & kFloat16Magnitude) < kFloat16Infinity) all.push_back(static_cast<Float16>(bits));
  }
  std::vector<std::uint8_t> bytes = bytes_of(all);
  bytes.insert(bytes.begin(), 0);  // so that they are not aligned
  std::vector<Float16> out(all.size());
  ASSERT_TRUE(to_float16(std::span(bytes).subspan(1), out));
  EXPECT_EQ(out, all);
}

TEST(ToFloat16, RefusesWhatToFloat32Refuses) {
  std::vector<Float16> out(3);
  const auto message = [&](const std::vector<std::uint8_t>& bytes) {
    const auto result = to_float16(bytes, out);
    return result ? "" : result.error().message;
  };
  EXPECT_EQ(message(bytes_of<std::uint16_t>({0, 0xfc00, 0})),
            "the value at position 1 is not a finite float32");
  EXPECT_EQ(message(bytes_of<std::uint16_t>({0, 0, 0x7e00})),
            "the value at position 2 is not a number");
  EXPECT_EQ(message(std::vector<std::uint8_t>(5)), "5 bytes do not hold 3 values of F16");
}

}  // namespace
}  // namespace gradcam
