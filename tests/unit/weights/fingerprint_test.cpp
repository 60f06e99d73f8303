#include "gradcam/weights/fingerprint.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gradcam::testing {
namespace {

std::string hex_of(std::string_view bytes) {
  Fingerprint fingerprint;
  fingerprint.add(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
  return fingerprint.hex();
}

/// Fowler, Noll and Vo's own test vectors. Heads and taught classes are told by it which model they
/// belong to: another value would part all that are there from theirs.
TEST(Fingerprint, IsFnv1a) {
  EXPECT_EQ(hex_of(""), "cbf29ce484222325");
  EXPECT_EQ(hex_of("a"), "af63dc4c8601ec8c");
  EXPECT_EQ(hex_of("foobar"), "85944171f73967e8");
}

TEST(Fingerprint, AddsNumbersLowestByteFirstAndTextWithAnEnd) {
  Fingerprint number;
  number.add(std::uint64_t{0x0807060504030201});
  EXPECT_EQ(number.hex(), hex_of("\1\2\3\4\5\6\7\10"));
  Fingerprint text;
  text.add("dog");
  text.add("s");
  EXPECT_EQ(text.hex(), hex_of({"dog\0s\0", 6}));
}

}  // namespace
}  // namespace gradcam::testing
