#include "gradcam/import/labels.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/result.h"

namespace gradcam {
namespace {

using ::gradcam::testing::error_message;
using Labels = std::vector<std::string>;

TEST(Labels, AsPeopleHaveThem) {
  const Labels expected = {"beagle", "pug"};
  for (const std::string_view text : {
           "beagle\npug\n",
           "beagle\r\npug",
           "\xEF\xBB\xBF"
           "beagle\npug\n",
           R"(["beagle", "pug"])",
           "\n[\"beagle\",\r\n\"pug\"]\n",
           " \t{0: 'beagle', 1: 'pug'}",
           R"({"1": ["n02110958", "pug"], "0": ["n02088364", "beagle"]})",
           R"({"pug": 1, "beagle": 0})",
           R"({"0": "beagle", "1": "pug"})",
           "{0: 'beagle',\n 1: 'pug'}\n",
           "{1: \"pug\", 0: 'beagle',}",
       }) {
    ASSERT_OK_AND_ASSIGN(const Labels labels, parse_labels(text));
    EXPECT_EQ(labels, expected) << text;
  }
}

TEST(Labels, FoldersNamedByNumbers) {
  ASSERT_OK_AND_ASSIGN(const Labels labels, parse_labels(R"({"1": 0, "2": 1})"));
  EXPECT_EQ(labels, (Labels{"1", "2"}));
}

TEST(Labels, OfPythonWithQuotesInside) {
  ASSERT_OK_AND_ASSIGN(const Labels labels,
                       parse_labels(R"({0: "potter's wheel", 1: 'say "a"', 2: 'it\'s'})"));
  EXPECT_EQ(labels, (Labels{"potter's wheel", "say \"a\"", "it's"}));
}

TEST(Labels, TwiceInJson) {
  ASSERT_OK_AND_ASSIGN(const Labels labels, parse_labels(R"(["crane", "tench", "crane"])"));
  EXPECT_EQ(labels, (Labels{"crane", "tench", "crane_2"}));
}

TEST(Labels, OfAFileThatBeginsLikeJson) {
  ASSERT_OK_AND_ASSIGN(const Labels labels, parse_labels("[a]\n{b}\n"));
  EXPECT_EQ(labels, (Labels{"[a]", "{b}"}));
}

TEST(Labels, Faults) {
  struct Case {
    std::string_view text;
    std::string_view says;
  };
  for (const auto& [text, says] : std::vector<Case>{
           {"a\n\nc\n", "line 2 is empty"},
           {"a\nb\na\n", "line 3 repeats line 1, \"a\""},
           {"k\xF6ter\nb\n", "UTF-8"},
           {R"({"0": "a", "2": "b"})", "class index"},
           {R"({"a": 0, "b": 2})", "class index"},
           {R"({"a": 0, "b": 0})", "class index"},
           {R"({"01": "a", "0": "b"})", "class index"},
           {R"([1, 2])", "list of names"},
           {R"([[]])", "list of names"},
           {"[\n\"a\",\n\"b\"\n", "damaged"},
           {"{0: 'a', 1: 'b'", "damaged"},
           {"{0: 'a', 2: 'b'}", "class index"},
           {"{0: 'a' 'b'}", "damaged"},
           {"", "no classes"},
           {"[]", "no classes"},
       }) {
    const std::string message = error_message(parse_labels(text), ErrorCode::kInvalidArgument);
    EXPECT_NE(message.find(says), std::string::npos) << message;
  }
}

TEST(Labels, LongFilesAreRefusedAtOnce) {
  std::string lines;
  for (int i = 0; i < 300'000; ++i) lines += std::to_string(i) + "\n";
  const std::string nested = std::string(300'000, '[') + std::string(300'000, ']');
  const std::string wide(5 << 20, 'a');
  for (const std::string_view text : {std::string_view(lines), std::string_view(wide)}) {
    EXPECT_NE(error_message(parse_labels(text), ErrorCode::kInvalidArgument).find("longer"),
              std::string::npos);
  }
  // No JSON for us, and so a line; or a list that is damaged.
  EXPECT_FALSE(error_message(parse_labels("[\"" + nested), ErrorCode::kInvalidArgument).empty());
  EXPECT_FALSE(parse_labels("[0," + nested + "]"));
}

}  // namespace
}  // namespace gradcam
