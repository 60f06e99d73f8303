#include "gradcam/weights/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "unit/weights/safetensors_file.h"

namespace gradcam {
namespace {

using ::gradcam::testing::make_file;
using ::gradcam::testing::parse_file;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// The file of the format's reference implementation's own test.
constexpr std::string_view kReferenceJson =
    R"({"attn.0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}})";

TEST(Safetensors, ReadsTheReferenceFile) {
  const auto header = parse_file(make_file(kReferenceJson, 24));
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->data_offset, 8u + 64u);
  EXPECT_THAT(header->metadata, IsEmpty());
  ASSERT_EQ(header->tensors.size(), 1u);
  const TensorInfo* tensor = header->find("attn.0");
  ASSERT_EQ(tensor, header->tensors.data());
  EXPECT_EQ(tensor->dtype, DType::kF32);
  EXPECT_EQ(tensor->shape, (Shape{1, 2, 3}));
  EXPECT_EQ(tensor->begin, 0u);
  EXPECT_EQ(tensor->end, 24u);
  EXPECT_EQ(header->find("attn"), nullptr);
}

TEST(Safetensors, WritesTheReferenceFile) {
  std::vector<TensorInfo> tensors = {{"attn.0", DType::kF32, {1, 2, 3}}};
  ASSERT_TRUE(assign_offsets(tensors));
  std::vector<std::uint8_t> expected = make_file(kReferenceJson, 0);
  EXPECT_EQ(serialize_safetensors_header(tensors, {}), expected);

  // Its second test: two four-bit numbers to a byte, and spaces up to a multiple of eight.
  tensors = {{"attn.0", DType::kF4, {1, 2}}};
  ASSERT_TRUE(assign_offsets(tensors));
  expected = make_file(R"({"attn.0":{"dtype":"F4","shape":[1,2],"data_offsets":[0,1]}}    )", 0);
  EXPECT_EQ(serialize_safetensors_header(tensors, {}), expected);
}

TEST(Safetensors, RoundTripsEveryTypeAndTheMetadata) {
  std::vector<TensorInfo> tensors;
  std::size_t bits = 0;
  for (int i = 0; i <= static_cast<int>(DType::kU64); ++i) {
    const auto dtype = static_cast<DType>(i);
    tensors.push_back({"t." + std::string(dtype_name(dtype)), dtype, {2, 4}});
    bits += 8 * dtype_bits(dtype);
  }
  tensors.push_back({"scalar", DType::kF64, {}});
  tensors.push_back({"empty", DType::kF32, {3, 0, 5}});
  tensors.push_back({"quote \" slash \\ \xc3\xa9 \n", DType::kU8, {1}});
  ASSERT_TRUE(assign_offsets(tensors));
  EXPECT_EQ(tensors.back().end, bits / 8 + 8 + 0 + 1);

  const std::map<std::string, std::string> metadata = {{"a", ""}, {"\"\xc3\xa9", "{\"x\":[1]}"}};
  std::vector<std::uint8_t> file = serialize_safetensors_header(tensors, metadata);
  EXPECT_EQ(file.size() % 8, 0u);
  file.resize(file.size() + tensors.back().end);
  const auto header = parse_file(file);
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->metadata, metadata);
  ASSERT_EQ(header->tensors.size(), tensors.size());
  for (const TensorInfo& tensor : tensors) {
    const TensorInfo* read = header->find(tensor.name);
    ASSERT_NE(read, nullptr) << tensor.name;
    EXPECT_EQ(read->dtype, tensor.dtype);
    EXPECT_EQ(read->shape, tensor.shape);
    EXPECT_EQ(read->begin, tensor.begin);
    EXPECT_EQ(read->end, tensor.end);
  }
}

TEST(Safetensors, OrdersTensorsByTheirData) {
  const auto header = parse_file(
      make_file(R"({"b":{"dtype":"U8","shape":[3],"data_offsets":[2,5]},"__metadata__":{"k":"v"},)"
                R"("z":{"data_offsets":[2,2],"shape":[0],"dtype":"F32"},)"
                "\n\t\"a\" : { \"dtype\":\"I16\",\"shape\":[ 1 ],\"data_offsets\":[0,2] } }\r\n  ",
                5));
  ASSERT_TRUE(header) << header.error().message;
  std::vector<std::string> names;
  for (const TensorInfo& tensor : header->tensors) names.push_back(tensor.name);
  EXPECT_THAT(names, ElementsAre("a", "z", "b"));
  EXPECT_THAT(header->metadata, ElementsAre(Pair("k", "v")));
}

TEST(Safetensors, AcceptsAFileWithoutTensors) {
  const auto header = parse_file(make_file("{}", 0));
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_THAT(header->tensors, IsEmpty());
  EXPECT_EQ(header->data_offset, 10u);
}

TEST(Safetensors, AddressesBeyondFourGibibytes) {
  const std::vector<std::uint8_t> start = make_file(
      R"({"a":{"dtype":"U8","shape":[3000000000],"data_offsets":[0,3000000000]},)"
      R"("b":{"dtype":"U8","shape":[2,1500000000],"data_offsets":[3000000000,6000000000]}})",
      0);
  const auto header = parse_safetensors_header(start, start.size() + 6'000'000'000u);
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->tensors[1].end, 6'000'000'000u);
}

TEST(Safetensors, ReadsTheHeaderInTwoSteps) {
  const std::vector<std::uint8_t> file = make_file(kReferenceJson, 24);
  const std::span bytes(file);
  const auto needed = safetensors_header_bytes(bytes.first(8), file.size());
  ASSERT_TRUE(needed);
  EXPECT_EQ(*needed, 72u);
  EXPECT_TRUE(parse_safetensors_header(bytes.first(72), file.size()));
  const auto short_by_one = parse_safetensors_header(bytes.first(71), file.size());
  ASSERT_FALSE(short_by_one);
  EXPECT_EQ(short_by_one.error().code, ErrorCode::kInvalidArgument);
}

TEST(Safetensors, RefusesEveryTruncation) {
  const std::vector<std::uint8_t> file = make_file(kReferenceJson, 24);
  for (std::size_t size = 0; size < file.size(); ++size) {
    const auto header = parse_safetensors_header(std::span(file).first(size), size);
    ASSERT_FALSE(header) << size;
    EXPECT_EQ(header.error().code, ErrorCode::kCorruptModel) << size;
  }
}

TEST(Safetensors, RefusesAHeaderLengthBeyondTheFileOrTheFormat) {
  const auto error_of = [](std::uint64_t length, std::uint64_t file_size) {
    std::vector<std::uint8_t> start;
    for (int i = 0; i < 8; ++i) start.push_back(static_cast<std::uint8_t>(length >> 8 * i));
    const auto bytes = safetensors_header_bytes(start, file_size);
    return bytes ? "" : bytes.error().message;
  };
  EXPECT_THAT(error_of(~0ull, 1000), HasSubstr("say 18446744073709551615, where"));
  EXPECT_THAT(error_of(~0ull - 7, ~0ull), HasSubstr("at most 100000000"));
  EXPECT_THAT(error_of(1ull << 32, 1000), HasSubstr("say 4294967296,"));
  EXPECT_THAT(error_of(100'000'001, 200'000'000), HasSubstr("at most 100000000"));
  EXPECT_THAT(error_of(1000, 1007), HasSubstr("claims 1000 bytes, but only 999 follow"));
  EXPECT_EQ(error_of(1000, 1008), "");
  EXPECT_EQ(error_of(100'000'000, 100'000'008), "");
}

TEST(Safetensors, RefusesToLayOutImpossibleTensors) {
  std::vector<TensorInfo> odd = {{"nibbles", DType::kF4, {3}}};
  const auto misaligned = assign_offsets(odd);
  ASSERT_FALSE(misaligned);
  EXPECT_EQ(misaligned.error().code, ErrorCode::kInvalidArgument);
  const std::size_t huge = std::size_t{1} << 31;
  std::vector<TensorInfo> overflowing = {{"huge", DType::kF32, {huge, huge, huge}}};
  const auto overflow = assign_offsets(overflowing);
  ASSERT_FALSE(overflow);
  EXPECT_THAT(overflow.error().message, HasSubstr("\"huge\""));
  std::vector<TensorInfo> sum(17, {"part", DType::kU8, {1u << 30, 1u << 30}});
  EXPECT_FALSE(assign_offsets(sum));
}

}  // namespace
}  // namespace gradcam
