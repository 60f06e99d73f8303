#include "gradcam/evaluate/trust.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "gradcam/evaluate/faithfulness.h"
#include "support/result.h"
#include "support/tiny_vgg16.h"

namespace gradcam::testing {
namespace {

class TrustTest : public ::testing::TestWithParam<TinyModel> {
 protected:
  static Result<TinyRun> run() { return TinyRun::forward(GetParam(), ConvAlgorithm::kReference); }

  static Result<Trust> trust(const TinyRun& run, const Heatmap& map) {
    GRADCAM_TRY(const Tensor input, run.oracle.tensor("input"));
    GRADCAM_TRY(Activations scratch, run.model.make_activations());
    GRADCAM_TRY(const auto plan, plan_trust(run.model, input, 0, map));
    return carry_out(plan, run.model, scratch);
  }
};

TEST_P(TrustTest, CoversWhereTheMapIsHot) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, TrustTest::run());
  ASSERT_OK_AND_ASSIGN(const Tensor input, run.oracle.tensor("input"));
  // Nothing hot: nothing covered, nothing changed.
  Heatmap map{.rows = 2, .cols = 2, .values = {0.4f, 0.4f, 0.4f, 0.4f}};
  ASSERT_OK_AND_ASSIGN(const Trust nothing, trust(run, map));
  EXPECT_EQ(nothing.covered_area, 0);
  EXPECT_EQ(nothing.probability, run.model.probabilities(run.activations.logits.values())[0]);
  EXPECT_EQ(nothing.covered, nothing.probability);
  EXPECT_EQ(nothing.covered_centre, nothing.probability);
  // Everything hot: what the network says of an input of zeros.
  map.values = {1, 1, 1, 1};
  ASSERT_OK_AND_ASSIGN(const Trust all, trust(run, map));
  EXPECT_EQ(all.covered_area, 1);
  ASSERT_OK_AND_ASSIGN(const Tensor zeros, Tensor::zeros(input.shape()));
  ASSERT_OK_AND_ASSIGN(Activations activations, run.model.make_activations());
  ASSERT_OK(run.model.forward(zeros, activations));
  EXPECT_EQ(all.covered, run.model.probabilities(activations.logits.values())[0]);
  EXPECT_EQ(all.covered_centre, all.covered);
  // The left half.
  map.values = {1, 0, 1, 0};
  ASSERT_OK_AND_ASSIGN(const Trust half, trust(run, map));
  EXPECT_NEAR(half.covered_area, 0.5, 0.02);
  ASSERT_OK_AND_ASSIGN(Tensor right, input.clone());
  const std::size_t width = input.dim(1);
  for (std::size_t i = 0; i < right.size(); ++i) {
    // Between the middles of two cells the map is one half in the middle.
    if (i / 3 % width < (width + 1) / 2) right.data()[i] = 0;
  }
  ASSERT_OK(run.model.forward(right, activations));
  EXPECT_EQ(half.covered, run.model.probabilities(activations.logits.values())[0]);
}

TEST_P(TrustTest, OfTheMiddleIsThatOfASpotInTheMiddle) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, TrustTest::run());
  ASSERT_OK_AND_ASSIGN(const Trust found, trust(run, centre_map()));
  EXPECT_EQ(found.covered, found.covered_centre);
  EXPECT_EQ(found.map.curve, found.centre.curve);
  EXPECT_NE(found.covered, found.probability);
}

TEST_P(TrustTest, MeasuresTheMapBesideThoseThatKnowNothing) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, TrustTest::run());
  ASSERT_OK_AND_ASSIGN(const Tensor input, run.oracle.tensor("input"));
  const Heatmap map{.rows = 1, .cols = 2, .values = {1, 0}};
  ASSERT_OK_AND_ASSIGN(const Trust found, trust(run, map));
  const std::array maps = {map, constant_map(), centre_map()};
  ASSERT_OK_AND_ASSIGN(const auto plan, plan_faithfulness(run.model, input, 0, maps));
  ASSERT_OK_AND_ASSIGN(Activations scratch, run.model.make_activations());
  ASSERT_OK_AND_ASSIGN(const auto expected, carry_out(plan, run.model, scratch));
  EXPECT_EQ(found.map.curve, expected[0].insertion_curve);
  EXPECT_EQ(found.map.area, expected[0].insertion);
  EXPECT_EQ(found.random_order.curve, expected[1].insertion_curve);
  EXPECT_EQ(found.centre.curve, expected[2].insertion_curve);
}

TEST_P(TrustTest, RefusesAClassAndAMapThatAreNone) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, TrustTest::run());
  ASSERT_OK_AND_ASSIGN(const Tensor input, run.oracle.tensor("input"));
  const Heatmap map{.rows = 1, .cols = 1, .values = {1}};
  EXPECT_FALSE(plan_trust(run.model, input, run.model.classes(), map));
  EXPECT_FALSE(plan_trust(run.model, input, 0, Heatmap{}));
}

INSTANTIATE_TEST_SUITE_P(TinyModels, TrustTest,
                         ::testing::Values(kTinyModels[0], kTinyModels[4], kTinyModels[7]),
                         [](const auto& test) { return std::string(test.param.expected); });

}  // namespace
}  // namespace gradcam::testing
