#pragma once

#include <gtest/gtest.h>

#include "gradcam/tensor/error.h"

/// Fails the test, with its message, if a `Result` holds an error.
#define ASSERT_OK(...) ASSERT_OK_INNER(GRADCAM_CONCAT(result_, __LINE__), __VA_ARGS__)
#define ASSERT_OK_INNER(name, ...)  \
  const auto& name = (__VA_ARGS__); \
  ASSERT_TRUE(name.has_value()) << name.error().message

/// `ASSERT_OK_AND_ASSIGN(auto x, f());` binds the value of a `Result` or fails the test.
#define ASSERT_OK_AND_ASSIGN(declaration, ...) \
  ASSERT_OK_AND_ASSIGN_INNER(GRADCAM_CONCAT(result_, __LINE__), declaration, __VA_ARGS__)
#define ASSERT_OK_AND_ASSIGN_INNER(name, declaration, ...) \
  auto name = (__VA_ARGS__);                               \
  ASSERT_TRUE(name.has_value()) << name.error().message;   \
  declaration = *std::move(name)

namespace gradcam::testing {

/// The sentence of an error of the expected kind; anything else fails the test and gives "".
template <class T>
std::string error_message(const Result<T>& result, ErrorCode code) {
  if (result) {
    ADD_FAILURE() << "expected an error";
    return "";
  }
  EXPECT_EQ(error_code_name(result.error().code), error_code_name(code)) << result.error().message;
  return result.error().message;
}

}  // namespace gradcam::testing
