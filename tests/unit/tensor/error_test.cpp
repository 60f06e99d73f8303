#include "gradcam/tensor/error.h"

#include <gtest/gtest.h>

#include <expected>
#include <memory>
#include <string>

namespace gradcam::testing {
namespace {

Result<int> half(int number) {
  if (number % 2 == 0) return number / 2;
  return fail(ErrorCode::kInvalidArgument, std::to_string(number) + " is odd");
}

TEST(Result, ChainsFunctionsThatGiveResults) {
  EXPECT_EQ(half(12).and_then(half).value(), 3);
  const Result<int> three = half(6);
  EXPECT_EQ(three.and_then(half).error().message, "3 is odd");
  const auto never = [](int) -> Result<int> {
    ADD_FAILURE();
    return 0;
  };
  EXPECT_EQ(half(5).and_then(never).error().message, "5 is odd");
}

TEST(Result, ChainsWhatIsMovedAndWhatIsNothing) {
  Result<std::unique_ptr<int>> owner = std::make_unique<int>(4);
  const Result<void> checked =
      std::move(owner).and_then([](std::unique_ptr<int> number) -> Result<void> {
        GRADCAM_CHECK_OK(half(*number));
        return {};
      });
  EXPECT_EQ(checked.and_then([] { return half(8); }).value(), 4);
}

TEST(Result, GoesWithWhatTheStandardLibraryGives) {
  const auto half_of = [](int number) -> Result<int> {
    const std::expected<int, Error> found = half(number);
    return found;
  };
  EXPECT_EQ(half_of(12).value(), 6);
  EXPECT_EQ(half_of(3).error().message, "3 is odd");
  Result<int> six = 6;
  const auto raise = [](int& number) -> Result<int> { return ++number; };
  EXPECT_EQ(six.and_then(raise).value(), 7);
  EXPECT_EQ(*six, 7);
}

}  // namespace
}  // namespace gradcam::testing
