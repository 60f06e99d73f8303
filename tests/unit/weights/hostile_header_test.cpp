// Every rule of the format, broken one at a time, and the abuse attempts that the format's
// authors list (attacks/README.md of huggingface/safetensors).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "gradcam/weights/safetensors.h"
#include "unit/weights/safetensors_file.h"

namespace gradcam {
namespace {

using ::gradcam::testing::make_file;
using ::gradcam::testing::parse_file;
using ::testing::HasSubstr;

struct Attack {
  std::string name;
  std::string json;
  std::size_t data_size;
  std::string fault;  // part of the sentence that must come back
};

std::string tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

// A header with the one tensor "t", an F32 of shape [2, 2], of which a part is replaced.
std::string with_dtype(const std::string& dtype) {
  return R"({"t":{"dtype":)" + dtype + R"(,"shape":[2,2],"data_offsets":[0,16]}})";
}
std::string with_shape(const std::string& shape) {
  return R"({"t":)" + tensor("F32", shape, "[0,16]") + "}";
}
std::string with_offsets(const std::string& offsets) {
  return R"({"t":)" + tensor("F32", "[2,2]", offsets) + "}";
}
std::string pair(const std::string& offsets_a, const std::string& offsets_b) {
  return R"({"a":)" + tensor("F32", "[2,2]", offsets_a) + R"(,"b":)" +
         tensor("F32", "[2,2]", offsets_b) + "}";
}

std::string repeat(const std::string& text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

const std::string kGood = tensor("F32", "[2,2]", "[0,16]");

std::vector<Attack> attacks() {
  using namespace std::string_literals;
  const std::string deep = repeat("[", 1'000'000);
  const std::string deep_objects = repeat(R"({"a":)", 1'000'000);
  return {
      // The text.
      {"EmptyHeader", "", 16, "does not begin with '{'"},
      {"LeadingSpace", " {\"t\":" + kGood + "}", 16, "does not begin with '{'"},
      {"ByteOrderMark", "\xef\xbb\xbf{\"t\":" + kGood + "}", 16, "does not begin with '{'"},
      {"Pickle", "\x80\x02}q", 16, "does not begin with '{'"},
      {"NotAnObject", "[1]", 0, "does not begin with '{'"},
      {"UnclosedObject", "{\"t\":" + kGood, 16, "not valid JSON"},
      {"TextAfterTheObject", "{\"t\":" + kGood + "}x", 16, "not valid JSON"},
      {"TwoObjects", "{\"t\":" + kGood + "}{}", 16, "not valid JSON"},
      {"ZeroPadding", "{\"t\":" + kGood + "}\0\0"s, 16, "zero byte"},
      {"HiddenBehindAZeroByte", "{\"t\":" + kGood + "}\0polyglot"s, 16, "zero byte"},
      {"InvalidUtf8", "{\"t\xff\":" + kGood + "}", 16, "not valid JSON"},
      {"LoneSurrogate", "{\"\\ud800\":" + kGood + "}", 16, "not valid JSON"},
      {"Comment", "{/* */\"t\":" + kGood + "}", 16, "not valid JSON"},
      {"TrailingComma", "{\"t\":" + kGood + ",}", 16, "not valid JSON"},
      {"SingleQuotes", "{'t':" + kGood + "}", 16, "not valid JSON"},
      // The structure.
      {"DuplicateTensor", "{\"t\":" + kGood + ",\"t\":" + kGood + "}", 16, "\"t\" occurs twice"},
      {"DuplicateByEscape", "{\"t\":" + kGood + ",\"\\u0074\":" + kGood + "}", 16, "occurs twice"},
      {"DuplicateMetadata", R"({"__metadata__":{},"__metadata__":{}})", 0, "occurs twice"},
      {"DuplicateMetadataKey", R"({"__metadata__":{"a":"1","a":"2"}})", 0, "\"a\" occurs twice"},
      {"DuplicateField",
       R"({"t":{"dtype":"F32","dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})", 16,
       "has dtype twice"},
      {"EntryNotAnObject", R"({"t":"F32"})", 0, "must be an object, not a string"},
      {"EntryIsNull", R"({"t":null})", 0, "must be an object, not null"},
      {"EntryIsAnArray", R"({"t":[1]})", 0, "must be an object, not an array"},
      {"EntryIsEmpty", R"({"t":{}})", 0, "lacks one of dtype, shape and data_offsets"},
      {"NoOffsets", R"({"t":{"dtype":"F32","shape":[]}})", 0, "lacks one of"},
      {"UnknownField", R"({"t":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}})", 4,
       "unknown field \"x\""},
      {"MetadataNotAnObject", R"({"__metadata__":"text"})", 0, "must be an object, not a string"},
      {"MetadataNumber", R"({"__metadata__":{"a":1}})", 0, "\"a\" must be a string, not a number"},
      {"MetadataNull", R"({"__metadata__":{"a":null}})", 0, "must be a string, not null"},
      {"MetadataNested", R"({"__metadata__":{"a":{}}})", 0, "must be a string, not an object"},
      {"DeepArrays", "{\"t\":" + deep, 0, "must be an object, not an array"},
      {"DeepObjects", "{\"t\":" + deep_objects, 0, "\"t\" has the unknown field \"a\""},
      {"DeepShape", R"({"t":{"shape":)" + deep, 0, "whole numbers as its shape, not an array"},
      {"DeepMetadata", R"({"__metadata__":{"a":)" + deep, 0, "must be a string, not an array"},
      {"ManyDimensions", with_shape("[1" + repeat(",1", 64) + "]"), 16, "more than 64 dimensions"},
      // The types.
      {"UnknownDType", with_dtype("\"F31\""), 16, "unknown dtype \"F31\""},
      {"LowerCaseDType", with_dtype("\"f32\""), 16, "unknown dtype \"f32\""},
      {"DTypeNumber", with_dtype("32"), 16, "a string as its dtype, not a number"},
      {"DTypeArray", with_dtype("[\"F32\"]"), 16, "a string as its dtype, not an array"},
      {"ShapeNumber", with_shape("4"), 16, "an array as its shape, not a number"},
      {"ShapeString", with_shape("\"[4]\""), 16, "an array as its shape, not a string"},
      {"NegativeDimension", with_shape("[-2,-2]"), 16, "as its shape, not a negative number"},
      {"FractionalDimension", with_shape("[2.0,2]"), 16, "no 64-bit integer"},
      {"ExponentDimension", with_shape("[4e0]"), 16, "no 64-bit integer"},
      {"BooleanDimension", with_shape("[true,4]"), 16, "as its shape, not a boolean"},
      {"DimensionBeyond64Bits", with_shape("[18446744073709551616]"), 16, "no 64-bit integer"},
      {"NegativeOffset", with_offsets("[-16,0]"), 16, "as its data_offsets, not a negative number"},
      {"OffsetsObject", with_offsets("{}"), 16, "an array as its data_offsets, not an object"},
      {"OneOffset", with_offsets("[16]"), 16, "fewer than two data_offsets"},
      {"ThreeOffsets", with_offsets("[0,16,16]"), 16, "more than two data_offsets"},
      // The sizes.
      {"ShapeOverflow", with_shape("[4294967295,4294967295,4294967295]"), 16, "impossible size"},
      {"BitsOverflow", with_shape("[1073741824,1073741824]"), 16, "impossible size"},
      {"WrapsToTheRightSize", R"({"t":)" + tensor("U8", "[2147483648,2147483648,4]", "[0,0]") + "}",
       0, "impossible size"},
      {"HalfAByte", R"({"t":)" + tensor("F4", "[3]", "[0,1]") + "}", 1, "impossible size"},
      {"ShapeTooSmall", with_shape("[2]"), 16, "takes 16 bytes, but F32 of shape [2] needs 8"},
      {"ShapeTooLarge", with_shape("[200,200]"), 16, "takes 16 bytes, but F32"},
      {"ScalarTooLarge", with_shape("[]"), 16, "takes 16 bytes, but F32 of shape [] needs 4"},
      // The places.
      {"Overlap", pair("[0,16]", "[8,24]"), 24, "(bytes 8 to 24) overlaps the tensor before it"},
      {"SamePlace", pair("[0,16]", "[0,16]"), 16, "overlaps the tensor before it"},
      {"Hole", pair("[0,16]", "[20,36]"), 36, "leaves a hole"},
      {"HoleAtTheBeginning", with_offsets("[4,20]"), 20, "leaves a hole"},
      {"EndsBeforeItBegins", with_offsets("[16,0]"), 16, "ends before it begins"},
      {"BeyondTheFile", pair("[0,16]", "[16,32]"), 31, "it is truncated"},
      {"FarBeyondTheFile", R"({"t":)" + tensor("U8", "[2147483648]", "[0,2147483648]") + "}", 16,
       "lies beyond the end of the file"},
      {"OffsetsAtTheLimit", with_offsets("[18446744073709551600,18446744073709551615]"), 16,
       "leaves a hole"},
      {"DataAfterTheLastTensor", "{\"t\":" + kGood + "}", 17, "its tensors end at byte 16"},
      {"DataWithoutTensors", "{}", 1, "its tensors end at byte 0"},
  };
}

class HostileHeader : public ::testing::TestWithParam<Attack> {};

TEST_P(HostileHeader, IsRefusedWithOneSentence) {
  const Attack& attack = GetParam();
  const auto header = parse_file(make_file(attack.json, attack.data_size));
  ASSERT_FALSE(header);
  EXPECT_EQ(header.error().code, ErrorCode::kCorruptModel);
  EXPECT_THAT(header.error().message, HasSubstr(attack.fault));
  EXPECT_LT(header.error().message.size(), 300u);
}

INSTANTIATE_TEST_SUITE_P(Weights, HostileHeader, ::testing::ValuesIn(attacks()),
                         [](const auto& test) { return test.param.name; });

// The attacks are built from these; were they refused too, the tests above would prove nothing.
TEST(HostileHeaderControl, TheUnbrokenHeadersAreAccepted) {
  EXPECT_TRUE(parse_file(make_file("{\"t\":" + kGood + "}", 16)));
  EXPECT_TRUE(parse_file(make_file(with_dtype("\"F32\""), 16)));
  EXPECT_TRUE(parse_file(make_file(with_shape("[4]"), 16)));
  EXPECT_TRUE(parse_file(make_file(with_shape("[1" + repeat(",1", 61) + ",2,2]"), 16)));
  EXPECT_TRUE(parse_file(make_file(with_offsets("[0,16]"), 16)));
  EXPECT_TRUE(parse_file(make_file(pair("[16,32]", "[0,16]"), 32)));
}

// A small file that makes a reader allocate a tensor many times over from the same bytes.
TEST(HostileHeaderVolume, ManyTensorsOnTheSameBytesAreRefused) {
  std::string json = "{";
  for (int i = 0; i < 50'000; ++i) {
    json += (i == 0 ? "\"" : ",\"") + std::string("weight_") + std::to_string(i) + "\":" + kGood;
  }
  const auto header = parse_file(make_file(json + "}", 16));
  ASSERT_FALSE(header);
  EXPECT_THAT(header.error().message, HasSubstr("overlaps the tensor before it"));
}

// A giant header: refused by its number of entries, however little each claims.
TEST(HostileHeaderVolume, TooManyEntriesAreRefused) {
  std::string tensors = "{";
  std::string metadata = R"({"__metadata__":{)";
  for (std::size_t i = 0; i <= kMaxSafetensorsEntries; ++i) {
    const std::string key = (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":";
    tensors += key + R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
    metadata += key + "\"\"";
  }
  for (const std::string& json : {tensors + "}", metadata + "}}"}) {
    const auto header = parse_file(make_file(json, 0));
    ASSERT_FALSE(header);
    EXPECT_THAT(header.error().message, HasSubstr("more than 65536 entries"));
  }
}

TEST(HostileHeaderVolume, LongAndUnprintableNamesDoNotFillTheMessage) {
  const std::string name = "\\u001b[31m" + repeat("\xc3\xa9", 1'000'000);
  const auto header = parse_file(make_file("{\"" + name + "\":null}", 0));
  ASSERT_FALSE(header);
  EXPECT_LT(header.error().message.size(), 300u);
  EXPECT_EQ(header.error().message.find('\x1b'), std::string::npos);
  // Cut between characters: what stands before the dots is whole UTF-8.
  EXPECT_THAT(header.error().message, HasSubstr("\xc3\xa9...\""));
}

}  // namespace
}  // namespace gradcam
