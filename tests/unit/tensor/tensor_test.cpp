#include "gradcam/tensor/tensor.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <utility>

#include "support/result.h"

namespace gradcam::testing {
namespace {

constexpr std::size_t kHuge = std::numeric_limits<std::size_t>::max();

TEST(Shape, PrintsAsAList) {
  EXPECT_EQ(to_string(Shape{14, 14, 512}), "[14, 14, 512]");
  EXPECT_EQ(to_string(Shape{}), "[]");
}

TEST(Shape, CountsItsElements) {
  ASSERT_OK_AND_ASSIGN(const std::size_t count, element_count({14, 14, 512}));
  EXPECT_EQ(count, 100352u);
  ASSERT_OK_AND_ASSIGN(const std::size_t scalar, element_count({}));
  EXPECT_EQ(scalar, 1u);
}

TEST(Shape, RefusesWhatMemoryCannotAddress) {
  EXPECT_NE(error_message(element_count({kHuge, 2}), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(element_count({kHuge / 4}), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(element_count({1u << 31, 1u << 31, 4}), ErrorCode::kInvalidArgument), "");
}

TEST(Shape, WithAZeroHasNoElements) {
  ASSERT_OK_AND_ASSIGN(const std::size_t last, element_count({3, 5, 0}));
  EXPECT_EQ(last, 0u);
  ASSERT_OK_AND_ASSIGN(const std::size_t first, element_count({0, kHuge, kHuge}));
  EXPECT_EQ(first, 0u);
}

TEST(Tensor, BeginsAsZerosWithAReadableTail) {
  ASSERT_OK_AND_ASSIGN(const Tensor tensor, Tensor::zeros({3, 5, 7}));
  EXPECT_EQ(tensor.size(), 105u);
  EXPECT_EQ(tensor.rank(), 3u);
  EXPECT_EQ(tensor.dim(1), 5u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data()) % kAlignment, 0u);
  for (std::size_t i = 0; i < tensor.size() + kTailBytes / sizeof(float); ++i) {
    EXPECT_EQ(tensor.data()[i], 0.0f) << i;
  }
}

TEST(Tensor, MayBeEmpty) {
  ASSERT_OK_AND_ASSIGN(const Tensor tensor, Tensor::zeros({0, 4}));
  EXPECT_TRUE(tensor.empty());
  EXPECT_TRUE(tensor.values().empty());
}

TEST(Tensor, CopiesValuesThatFillItsShape) {
  const std::array<float, 6> values = {1, 2, 3, 4, 5, 6};
  ASSERT_OK_AND_ASSIGN(const Tensor tensor, Tensor::from({2, 3}, values));
  ASSERT_OK_AND_ASSIGN(Tensor copy, tensor.clone());
  copy.data()[0] = 9;
  EXPECT_EQ(tensor.data()[0], 1.0f);
  EXPECT_EQ(tensor.data()[5], 6.0f);
  EXPECT_EQ(copy.shape(), tensor.shape());
}

TEST(Tensor, RefusesValuesThatDoNotFillItsShape) {
  const std::array<float, 5> values = {};
  const std::string message =
      error_message(Tensor::from({2, 3}, values), ErrorCode::kInvalidArgument);
  EXPECT_NE(message.find("5 values"), std::string::npos) << message;
  EXPECT_NE(message.find("[2, 3]"), std::string::npos) << message;
}

TEST(Tensor, ChangesShapeButNotSize) {
  ASSERT_OK_AND_ASSIGN(Tensor tensor, Tensor::zeros({4, 6}));
  ASSERT_OK(tensor.reshape({2, 3, 4}));
  EXPECT_EQ(tensor.shape(), (Shape{2, 3, 4}));
  EXPECT_NE(error_message(tensor.reshape({5, 5}), ErrorCode::kInvalidArgument), "");
  EXPECT_EQ(tensor.shape(), (Shape{2, 3, 4}));
}

TEST(Tensor, IsEmptyOnceMovedFrom) {
  ASSERT_OK_AND_ASSIGN(Tensor tensor, Tensor::zeros({4, 6}));
  const Tensor moved = std::move(tensor);
  EXPECT_EQ(moved.size(), 24u);
  EXPECT_TRUE(tensor.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(tensor.values().size(), 0u);
}

TEST(Memory, IsRefusedBeyondTheAddressSpace) {
  const auto array = allocate_array<float>(kHuge / 4);
  EXPECT_NE(error_message(array, ErrorCode::kOutOfMemory), "");
}

TEST(Tensor, OfNothingIsClonedToo) {
  ASSERT_OK_AND_ASSIGN(const Tensor copy, Tensor().clone());
  EXPECT_TRUE(copy.empty());
  EXPECT_EQ(copy.shape(), Shape{});
  ASSERT_OK_AND_ASSIGN(const Tensor none, Tensor::zeros({2, 0}));
  ASSERT_OK_AND_ASSIGN(const Tensor copy_of_none, none.clone());
  EXPECT_EQ(copy_of_none.shape(), (Shape{2, 0}));
}

}  // namespace
}  // namespace gradcam::testing
