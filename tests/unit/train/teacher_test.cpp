#include "gradcam/train/teacher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

#include "support/random.h"
#include "support/result.h"

namespace gradcam::testing {
namespace {

constexpr std::size_t kWidth = 24;
constexpr std::size_t kViews = 2;

/// Photos of two classes in turn, whose first feature tells them apart if `distance` is large.
Result<Lesson> lesson(std::size_t photos, float distance) {
  Lesson lesson;
  std::vector<float> values = RandomFloats(3).uniform(photos * kViews * kWidth);
  for (std::size_t i = 0; i < photos; ++i) {
    lesson.labels.push_back(i % 2);
    for (std::size_t view = 0; view < kViews; ++view) {
      float& first = values[(i * kViews + view) * kWidth];
      first = 100 + first + (i % 2 == 0 ? distance : -distance);
    }
  }
  GRADCAM_TRY(lesson.features, Tensor::from({photos, kViews, kWidth}, values));
  return lesson;
}

Result<Teacher> taught(std::size_t photos, float distance) {
  GRADCAM_TRY(Lesson given, lesson(photos, distance));
  GRADCAM_TRY(Teacher teacher, Teacher::create(std::move(given)));
  while (!teacher.finished()) GRADCAM_CHECK_OK(teacher.step());
  return teacher;
}

/// logits[1] - logits[0] of each row of a lesson by the same training, written down in double: SGD
/// with momentum, from zero, on rows without their mean and of mean square length 1.
std::vector<double> margins_by_hand(const Lesson& given) {
  const std::span<const float> values = given.features.values();
  const std::size_t rows = values.size() / kWidth;
  std::vector<double> mean(kWidth);
  for (std::size_t i = 0; i < values.size(); ++i) {
    mean[i % kWidth] += double{values[i]} / static_cast<double>(rows);
  }
  std::vector<double> x;
  double square = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    x.push_back(double{values[i]} - mean[i % kWidth]);
    square += x.back() * x.back() / static_cast<double>(rows);
  }
  for (double& value : x) value /= std::sqrt(square);
  // Of two classes, which begin alike, one has the negative of the other's weights.
  std::vector<double> weights(kWidth + 1);  // the bias last
  std::vector<double> velocity(kWidth + 1);
  const auto logit = [&](std::size_t row) {
    double sum = weights[kWidth];
    for (std::size_t i = 0; i < kWidth; ++i) sum += weights[i] * x[row * kWidth + i];
    return sum;
  };
  for (std::size_t step = 0; step < Teacher::steps(); ++step) {
    std::vector<double> gradient(kWidth + 1);
    for (std::size_t row = 0; row < rows; ++row) {
      const double error =
          1 / (1 + std::exp(-2 * logit(row))) - static_cast<double>(given.labels[row / kViews]);
      for (std::size_t i = 0; i <= kWidth; ++i) {
        const double input = i < kWidth ? x[row * kWidth + i] : 1;
        gradient[i] += error * input / static_cast<double>(rows);
      }
    }
    const double done = static_cast<double>(step) / static_cast<double>(Teacher::steps());
    const double rate = (1 + std::cos(std::numbers::pi * done)) / 2;
    for (std::size_t i = 0; i <= kWidth; ++i) {
      velocity[i] = 0.9 * velocity[i] + gradient[i] + 1e-3 * weights[i];
      weights[i] -= rate * velocity[i];
    }
  }
  std::vector<double> margins;
  for (std::size_t row = 0; row < rows; ++row) margins.push_back(2 * logit(row));
  return margins;
}

/// On features as they were given.
TEST(Teacher, GivesTheHeadOfItsTraining) {
  for (const float distance : {0.0f, 0.5f, 8.0f}) {
    SCOPED_TRACE(distance);
    ASSERT_OK_AND_ASSIGN(const Teacher teacher, taught(12, distance));
    ASSERT_OK_AND_ASSIGN(const DenseParameters head, teacher.head());
    ASSERT_OK_AND_ASSIGN(const Lesson given, lesson(12, distance));
    const std::vector<double> expected = margins_by_hand(given);
    double loss = 0;
    for (std::size_t row = 0; row < expected.size(); ++row) {
      const float* x = given.features.data() + row * kWidth;
      double margin = double{head.bias.data()[1]} - double{head.bias.data()[0]};
      for (std::size_t i = 0; i < kWidth; ++i) {
        const float* weights = head.weight.data();
        margin += (double{weights[kWidth + i]} - double{weights[i]}) * double{x[i]};
      }
      EXPECT_NEAR(margin, expected[row], 1e-3) << row;
      const double right = given.labels[row / kViews] == 1 ? margin : -margin;
      loss += std::log1p(std::exp(-right)) / static_cast<double>(expected.size());
    }
    EXPECT_NEAR(teacher.losses().back(), loss, 1e-4);
  }
}

TEST(Teacher, LearnsWhatCanBeToldApart) {
  ASSERT_OK_AND_ASSIGN(const Teacher teacher, taught(12, 8));
  EXPECT_EQ(teacher.losses().size(), Teacher::steps());
  EXPECT_NEAR(teacher.losses().front(), std::log(2.0), 1e-6);
  EXPECT_LT(teacher.losses().back(), 0.2);
  EXPECT_EQ(teacher.left_out().groups, 12);
  EXPECT_EQ(teacher.left_out().done, 12);
  EXPECT_TRUE(teacher.left_out().mistakes.empty());
  // The head takes features as they were given.
  ASSERT_OK_AND_ASSIGN(const DenseParameters head, teacher.head());
  ASSERT_OK_AND_ASSIGN(const Lesson again, lesson(12, 8));
  for (std::size_t photo = 0; photo < 12; ++photo) {
    const float* x = again.features.data() + photo * kViews * kWidth;
    double logits[2];
    for (std::size_t c = 0; c < 2; ++c) {
      logits[c] = double{head.bias.data()[c]};
      for (std::size_t i = 0; i < kWidth; ++i) {
        logits[c] += double{head.weight.data()[c * kWidth + i]} * x[i];
      }
    }
    EXPECT_EQ(logits[1] > logits[0], photo % 2 == 1) << photo;
  }
}

/// Features that say nothing about the class are learnt by heart, and no more: photos left out are
/// recognised by chance.
TEST(Teacher, DoesNotClaimWhatItHasOnlyLearntByHeart) {
  ASSERT_OK_AND_ASSIGN(const Teacher teacher, taught(40, 0));
  EXPECT_LT(teacher.losses().back(), 0.6);
  EXPECT_EQ(teacher.left_out().done, 40);
  EXPECT_GT(teacher.left_out().mistakes.size(), 12);
  EXPECT_LT(teacher.left_out().mistakes.size(), 32);
  for (const auto& [photo, taken_for] : teacher.left_out().mistakes) {
    EXPECT_LT(photo, teacher.left_out().done);
    EXPECT_EQ(taken_for, 1 - photo % 2);
  }
  EXPECT_GT(teacher.temperature(), 1);
}

TEST(Teacher, LeavesManyPhotosOutInTenGroups) {
  ASSERT_OK_AND_ASSIGN(const Teacher teacher, taught(60, 8));
  EXPECT_EQ(teacher.left_out().groups, 10);
  EXPECT_EQ(teacher.left_out().done, 60);
  EXPECT_LE(teacher.left_out().mistakes.size(), 2);
}

TEST(Teacher, LeavesUpToFiftyPhotosOutOneByOne) {
  for (const auto& [photos, groups] : {std::pair<std::size_t, std::size_t>{50, 50}, {51, 10}}) {
    ASSERT_OK_AND_ASSIGN(Lesson given, lesson(photos, 8));
    ASSERT_OK_AND_ASSIGN(const Teacher teacher, Teacher::create(std::move(given)));
    EXPECT_EQ(teacher.left_out().groups, groups);
    EXPECT_EQ(teacher.trainings(), 1 + groups);
  }
}

/// Their mean square length is 0, by which nothing can be divided.
TEST(Teacher, LearnsNothingFromPhotosThatAreAllAlike) {
  Lesson given;
  given.labels = {0, 1, 0, 1};
  ASSERT_OK_AND_ASSIGN(given.features, Tensor::from({4, 1, 2}, std::vector<float>(8, 0.5f)));
  ASSERT_OK_AND_ASSIGN(Teacher teacher, Teacher::create(std::move(given)));
  while (!teacher.finished()) {
    ASSERT_OK(teacher.step());
  }
  ASSERT_EQ(teacher.losses().size(), Teacher::steps());
  for (const double loss : teacher.losses()) EXPECT_NEAR(loss, std::numbers::ln2, 1e-6);
  ASSERT_OK_AND_ASSIGN(const DenseParameters head, teacher.head());
  for (const float weight : head.weight.values()) EXPECT_EQ(weight, 0);
  for (const float bias : head.bias.values()) EXPECT_NEAR(bias, 0, 1e-6);
  EXPECT_EQ(teacher.left_out().done, 4u);
  EXPECT_TRUE(std::isfinite(teacher.temperature()));
}

/// Or else a class of few photos would be left out all at once, and never recognised. Those of
/// class 0 are as many apart as there are groups.
TEST(Teacher, SpreadsEachClassOverTheGroups) {
  Lesson given;
  std::vector<float> values;
  for (std::size_t i = 0; i < 60; ++i) {
    given.labels.push_back(i % 10 == 0 ? 0 : 1 + i % 2);
    for (std::size_t c = 0; c < 3; ++c) values.push_back(given.labels.back() == c ? 1 : 0);
  }
  ASSERT_OK_AND_ASSIGN(given.features, Tensor::from({60, 1, 3}, values));
  ASSERT_OK_AND_ASSIGN(Teacher teacher, Teacher::create(std::move(given)));
  while (!teacher.finished()) {
    ASSERT_OK(teacher.step());
  }
  EXPECT_EQ(teacher.left_out().groups, 10);
  EXPECT_EQ(teacher.left_out().done, 60);
  EXPECT_TRUE(teacher.left_out().mistakes.empty());
}

TEST(Teacher, RefusesWhatCannotBeTaught) {
  const auto refused = [](std::vector<std::size_t> labels, float value = 1) {
    Lesson bad;
    bad.features = *Tensor::zeros({4, 1, 2});
    bad.features.data()[0] = value;
    bad.labels = std::move(labels);
    return error_message(Teacher::create(std::move(bad)), ErrorCode::kInvalidArgument);
  };
  EXPECT_NE(refused({0, 0, 0, 0}).find("only one class"), std::string::npos);
  EXPECT_NE(refused({0, 0, 0, 1}).find("class 1 has 1 photos"), std::string::npos);
  EXPECT_NE(refused({0, 0, 2, 2}).find("class 1 has 0 photos"), std::string::npos);
  EXPECT_NE(refused({0, 0, 1, 1, 1}).find("do not go with 5 labels"), std::string::npos);
  EXPECT_NE(refused({0, 0, 9, 9}).find("more classes than photos"), std::string::npos);
  EXPECT_NE(refused({0, 0, 1, 1}, std::numeric_limits<float>::infinity()).find("not finite"),
            std::string::npos);
}

}  // namespace
}  // namespace gradcam::testing
