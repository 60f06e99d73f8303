#include "gradcam/explain/evidence.h"

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

INSTANTIATE_TEST_SUITE_P(TinyModels, Evidence,
                         ::testing::Values(kTinyModels[0], kTinyModels[4], kTinyModels[7]),
                         [](const auto& test) { return std::string(test.param.expected); });

}  // namespace
}  // namespace gradcam::testing
