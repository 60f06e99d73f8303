#include "gradcam/explain/certainty.h"

#include <gtest/gtest.h>

#include <vector>

namespace gradcam::testing {
namespace {

std::string_view certainty(float best, float others, float unsure_below) {
  const std::vector<Prediction> predictions = {{.index = 1, .probability = best, .logit = 2},
                                               {.index = 0, .probability = 0.01f, .logit = 1}};
  ModelMetadata metadata;
  metadata.labels.assign(1000, "");
  metadata.unsure_below = unsure_below;
  return certainty_name(certainty_of(predictions, others, metadata));
}

/// The page's rule (web/tests/describe.test.ts) is tested by the same numbers.
TEST(Certainty, IsSureFromTheModelsThresholdOn) {
  EXPECT_EQ(certainty(0.55f, 0, 0), "sure");
  EXPECT_EQ(certainty(0.45f, 0, 0), "unsure");
  EXPECT_EQ(certainty(0.55f, 0, 0.55f), "sure");
  EXPECT_EQ(certainty(0.55f, 0, 0.6f), "unsure");
  EXPECT_EQ(certainty(0.3f, 0, 0.26f), "sure");
}

TEST(Certainty, IsHalfWayFromGuessingWhereTheModelDoesNotSay) {
  ModelMetadata metadata;
  metadata.labels = {"cat", "dog"};
  EXPECT_FLOAT_EQ(unsure_below(metadata), 0.75f);
  metadata.others = "something else";
  EXPECT_FLOAT_EQ(unsure_below(metadata), 2 / 3.0f);
  metadata.unsure_below = 0.4f;
  EXPECT_FLOAT_EQ(unsure_below(metadata), 0.4f);
}

TEST(Certainty, IsLostBelowAQuarter) {
  EXPECT_EQ(certainty(0.2f, 0, 0), "lost");
  EXPECT_EQ(certainty(0.2f, 0.4f, 0.3f), "lost");
  EXPECT_EQ(certainty(0.2f, 0.4f, 0.1f), "sure");  // if it says so itself
  EXPECT_EQ(certainty_of({}, 0, {}), Certainty::kLost);
}

TEST(Certainty, IsOfOthersIfTheyAreMoreThanAllClasses) {
  EXPECT_EQ(certainty(0.55f, 0.4f, 0), "sure");
  EXPECT_EQ(certainty(0.3f, 0.6f, 0.26f), "others");
  EXPECT_EQ(certainty(0.2f, 0.8f, 0.1f), "others");
}

}  // namespace
}  // namespace gradcam::testing
