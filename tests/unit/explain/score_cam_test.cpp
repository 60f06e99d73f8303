#include "gradcam/explain/score_cam.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "support/compare.h"
#include "support/result.h"
#include "support/tiny_vgg16.h"

namespace gradcam::testing {
namespace {

class ScoreCamTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TinyRun::forward({"tiny64.keras", "tiny64"}, ConvAlgorithm::kReference);
    ASSERT_OK(made);
    run_.emplace(*std::move(made));
    ASSERT_OK_AND_ASSIGN(input_, Tensor::zeros({64, 64, 3}));
    std::ranges::fill(input_.values(), 1.0f);
  }

  /// Of an activation of this test's.
  Result<MapPlan> plan(const Tensor& activation, std::size_t channels) const {
    return score_cam({.model = run_->model,
                      .input = input_,
                      .logits = run_->activations.logits.values(),
                      .view = {activation},
                      .channels = channels},
                     {{0}});
  }

  std::optional<TinyRun> run_;
  Tensor input_;
};

/// exp(710) is no number, and exp(-750) is 0: only differences of logits may be looked at.
TEST_F(ScoreCamTest, BearsLogitsOfAnySize) {
  // Channel 0 is 4 on the left, channel 1 is 2 on the right.
  ASSERT_OK_AND_ASSIGN(const Tensor activation,
                       Tensor::from({1, 2, 2}, std::vector<float>{4, 0, 0, 2}));
  ASSERT_OK_AND_ASSIGN(const MapPlan scored, plan(activation, 0));
  ASSERT_EQ(scored.passes.count, 2u);
  for (const float size : {0.0f, 1e4f, -1e4f}) {
    SCOPED_TRACE(size);
    ASSERT_OK_AND_ASSIGN(Tensor logits, Tensor::zeros({2, run_->model.logits()}));
    logits.data()[0] = size;
    logits.data()[run_->model.logits()] = size + 1;
    ASSERT_OK_AND_ASSIGN(const auto maps, scored.outcome(logits));
    ASSERT_EQ(maps.size(), 1u);
    // The softmax gives channel 1 e times the weight of channel 0.
    EXPECT_EQ(maps[0].status, HeatmapStatus::kOk);
    EXPECT_TRUE(close(maps[0].values,
                      std::vector<float>{static_cast<float>(4 / (2 * std::exp(1.0))), 1.0f}));
  }
}

TEST_F(ScoreCamTest, TriesChannelsThatOverflowedLast) {
  const float infinite = std::numeric_limits<float>::infinity();
  // Channel 0 overflowed, channel 1 varies less than channel 2, and 3 as much as one between them.
  ASSERT_OK_AND_ASSIGN(const Tensor activation,
                       Tensor::from({1, 2, 4}, std::vector<float>{infinite, 1, 0, 0,  //
                                                                  0, 0, 3, 2}));
  ASSERT_OK_AND_ASSIGN(const MapPlan scored, plan(activation, 3));
  ASSERT_EQ(scored.passes.count, 3u);
  // Of channels 2 and 3 the right is seen, of channel 1 the left.
  for (const auto& [pass, left] :
       std::vector<std::pair<std::size_t, float>>{{0, 0.0f}, {1, 0.0f}, {2, 1.0f}}) {
    SCOPED_TRACE(pass);
    ASSERT_OK_AND_ASSIGN(const Tensor masked, scored.passes.start(pass));
    EXPECT_EQ(masked.values().front(), left);
    EXPECT_EQ(masked.values()[(64 - 1) * 3], 1 - left);
  }
}

}  // namespace
}  // namespace gradcam::testing
