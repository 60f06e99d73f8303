#include "explain/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "support/compare.h"
#include "support/result.h"
#include "support/tiny_vgg16.h"

namespace gradcam::testing {
namespace {

class Evidence : public ::testing::TestWithParam<TinyModel> {
 protected:
  static Result<TinyRun> run() { return TinyRun::forward(GetParam(), ConvAlgorithm::kReference); }
};

TEST_P(Evidence, ChannelsAreThoseOfTheOraclesAlpha) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, Evidence::run());
  ASSERT_OK_AND_ASSIGN(const Tensor alphas, run.oracle.tensor("alpha"));
  const Tensor& activation = run.activations.block5_conv3();
  const std::size_t channels = alphas.dim(1);
  for (const std::size_t c : run.classes) {
    // By hand, from PyTorch's alpha: what each channel adds to the map, over all positions.
    std::vector<double> added(channels, 0.0);
    for (std::size_t i = 0; i < activation.size(); ++i) {
      added[i % channels] +=
          double{alphas.values()[c * channels + i % channels]} * double{activation.values()[i]};
    }
    double total = 0;
    for (const double part : added) total += std::abs(part);
    const auto alpha = alphas.values().subspan(c * channels, channels);
    const auto parts = strongest_channels(activation, alpha, channels);
    const auto positive = std::ranges::count_if(added, [](double part) { return part > 0; });
    EXPECT_EQ(parts.size(), static_cast<std::size_t>(positive));
    for (const ChannelPart& part : parts) {
      EXPECT_EQ(part.alpha, alpha[part.channel]);
      EXPECT_NEAR(part.share, added[part.channel] / total, 1e-4);
    }
    EXPECT_TRUE(std::ranges::is_sorted(parts, std::ranges::greater(), &ChannelPart::share));
    const auto first = strongest_channels(activation, alpha, 2);
    EXPECT_EQ(first.size(), std::min<std::size_t>(2, parts.size()));
    if (!first.empty()) {
      EXPECT_EQ(first.front().channel, parts.front().channel);
    }
  }
}

TEST_P(Evidence, CoversWhereTheMapIsHot) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, Evidence::run());
  ASSERT_OK_AND_ASSIGN(const Tensor input, run.oracle.tensor("input"));
  const auto probability_of = [&](std::size_t c) {
    const auto predictions = run.model.predictions(run.activations);
    return std::ranges::find(predictions, c, &Prediction::index)->probability;
  };
  // Nothing hot: nothing covered, nothing changed.
  Heatmap map{.rows = 2, .cols = 2, .values = {0.4f, 0.4f, 0.4f, 0.4f}};
  ASSERT_OK_AND_ASSIGN(const Covered nothing, classify_covered(run.model, input, map, 0));
  EXPECT_EQ(nothing.area, 0);
  EXPECT_EQ(nothing.probability, probability_of(0));
  // Everything hot: what the network says of an input of zeros.
  map.values = {1, 1, 1, 1};
  ASSERT_OK_AND_ASSIGN(const Covered all, classify_covered(run.model, input, map, 0));
  EXPECT_EQ(all.area, 1);
  ASSERT_OK_AND_ASSIGN(const Tensor zeros, Tensor::zeros(input.shape()));
  ASSERT_OK_AND_ASSIGN(Activations activations, run.model.make_activations());
  ASSERT_OK(run.model.forward(zeros, activations));
  const auto predictions = run.model.predictions(activations);
  EXPECT_EQ(all.probability,
            std::ranges::find(predictions, std::size_t{0}, &Prediction::index)->probability);
  // The left half.
  map.values = {1, 0, 1, 0};
  ASSERT_OK_AND_ASSIGN(const Covered half, classify_covered(run.model, input, map, 0));
  EXPECT_NEAR(half.area, 0.5, 0.02);
}

TEST_P(Evidence, RefusesAClassThatIsNot) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, Evidence::run());
  ASSERT_OK_AND_ASSIGN(const Tensor input, run.oracle.tensor("input"));
  const Heatmap map{.rows = 1, .cols = 1, .values = {1}};
  EXPECT_FALSE(classify_covered(run.model, input, map, run.model.classes()));
}

INSTANTIATE_TEST_SUITE_P(TinyModels, Evidence,
                         ::testing::Values(kTinyModels[0], kTinyModels[4], kTinyModels[7]),
                         [](const auto& test) { return std::string(test.param.expected); });

}  // namespace
}  // namespace gradcam::testing
