#include "cli/evaluate_explain_totals.h"

#include <gtest/gtest.h>

#include <utility>

namespace gradcam::testing {
namespace {

TEST(Mean, HasAStandardError) {
  Mean mean;
  EXPECT_TRUE(mean.mean().is_null());
  mean.add(1);
  EXPECT_EQ(mean.mean(), Json(1.0));
  EXPECT_TRUE(mean.standard_error().is_null());
  mean.add(2);
  mean.add(4);
  EXPECT_NEAR(mean.mean().get<double>(), 7.0 / 3, 1e-12);
  // statistics.stdev([1, 2, 4]) / 3 ** 0.5 in Python.
  EXPECT_NEAR(mean.standard_error().get<double>(), 0.881917103688197, 1e-12);
}

TEST(Mean, OfEqualValuesHasNoError) {
  Mean mean;
  for (int i = 0; i < 1000; ++i) mean.add(0.1);
  EXPECT_EQ(mean.standard_error(), Json(0.0));
}

TEST(MethodTotals, CountWhatWasMeasured) {
  MethodTotals totals;
  const Faithfulness faithfulness{
      .drop = 0.5,
      .increase = true,
      .insertion_curve = std::vector<double>(kCurveSteps + 1, 0.25),
      .deletion_curve = std::vector<double>(kCurveSteps + 1, 0.75),
  };
  Measured measured;
  measured.faithfulness = faithfulness;
  measured.is_empty = true;
  totals.add(measured);
  EXPECT_TRUE(to_json(methods().front(), totals)["road"].is_null());
  measured.road = {.hottest_first = {0.2, 0, 0, 0.5}, .coldest_first = {0.8, 0.6, 0.4, 0.5}};
  measured.pointing = true;
  measured.is_empty = false;
  totals.add(measured);
  const Json json = to_json(methods().front(), totals);
  EXPECT_EQ(json["photos"], 2);
  EXPECT_EQ(json["empty"], 1);
  EXPECT_EQ(json["increase"], 1.0);
  EXPECT_EQ(json["pointing"], 1.0);
  EXPECT_TRUE(json["standard_errors"]["pointing"].is_null());
  EXPECT_EQ(json["standard_errors"]["average_drop"], 0.0);
  EXPECT_TRUE(json["heat_inside"].is_null());
  EXPECT_EQ(json["deletion_curve"].size(), kCurveSteps + 1);
  EXPECT_EQ(json["road"], measured.road->score());
  EXPECT_EQ(json["road_hottest_first"], Json({0.2, 0.0, 0.0, 0.5}));
  EXPECT_EQ(json["road_coldest_first"], Json({0.8, 0.6, 0.4, 0.5}));
}

}  // namespace
}  // namespace gradcam::testing
