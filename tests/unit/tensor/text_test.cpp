#include "gradcam/tensor/text.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace gradcam::testing {
namespace {

TEST(Joined, HasSomethingBetween) {
  EXPECT_EQ(internal::joined(std::vector<std::string>{}), "");
  EXPECT_EQ(internal::joined(std::vector<std::string>{"a"}), "a");
  EXPECT_EQ(internal::joined(std::vector<std::string>{"", "b", ""}), ", b, ");
  EXPECT_EQ(
      internal::joined(std::array{1, 2, 3}, [](int i) { return std::to_string(i); }, "-"), "1-2-3");
}

TEST(BeginningOf, HasNoPartOfACharacter) {
  EXPECT_EQ(internal::beginning_of("beagle", 6), "beagle");
  EXPECT_EQ(internal::beginning_of("beagle", 3), "bea");
  EXPECT_EQ(internal::beginning_of("b\u00e9", 2), "b");
  EXPECT_EQ(internal::beginning_of("b\u00e9", 3), "b\u00e9");
  EXPECT_EQ(internal::beginning_of("\u72ac", 2), "");
}

TEST(Quote, CutsAndReplacesWhatWouldControlATerminal) {
  EXPECT_EQ(internal::quote("a\nb\x7f"), "\"a?b?\"");
  EXPECT_EQ(internal::quote(std::string(60, 'x')), "\"" + std::string(60, 'x') + "\"");
  EXPECT_EQ(internal::quote(std::string(59, 'x') + "\u00e9"),
            "\"" + std::string(59, 'x') + "...\"");
}

}  // namespace
}  // namespace gradcam::testing
