#include "gradcam/tensor/json.h"

#include <gtest/gtest.h>

#include <string>

namespace gradcam::testing {
namespace {

bool is_taken(std::string_view text, const internal::JsonLimits& limits) {
  return !internal::parse_untrusted(text, limits).is_discarded();
}

TEST(UntrustedJson, IsTakenWithinItsLimits) {
  const std::string text = R"({"a":[1,2],"b":{"c\\":","}})";
  EXPECT_TRUE(is_taken(text, {}));
  EXPECT_TRUE(is_taken(text, {.bytes = text.size(), .keys = 3, .entries = 2}));
  EXPECT_FALSE(is_taken(text, {.bytes = text.size() - 1}));
  EXPECT_FALSE(is_taken(text, {.keys = 2}));
  EXPECT_FALSE(is_taken(text, {.entries = 1}));
}

TEST(UntrustedJson, IsDiscardedIfItIsNone) {
  for (const std::string text : {"", "[", "[1]]", "{\"a\"}", "[1]\n\\"}) {
    EXPECT_FALSE(is_taken(text, {})) << text;
  }
  EXPECT_FALSE(is_taken(std::string("[1]\0]", 5), {}));
}

TEST(UntrustedJson, IsNotNestedDeep) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(is_taken(nested(100), {}));
  EXPECT_FALSE(is_taken(nested(101), {}));
  EXPECT_TRUE(is_taken("\"" + nested(101) + "\"", {}));
}

}  // namespace
}  // namespace gradcam::testing
