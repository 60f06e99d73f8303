#include "gradcam/explain/evidence.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/explain/grad_cam.h"
#include "support/compare.h"
#include "support/members.h"
#include "support/result.h"
#include "support/tiny_vgg16.h"

namespace gradcam::testing {
namespace {

/// alpha_k A_k of some channels, added to a map in float64.
void add_channel(const Tensor& activation, std::size_t channel, double alpha,
                 std::vector<double>& map) {
  for (std::size_t p = 0; p < map.size(); ++p) {
    map[p] += alpha * double{activation.data()[p * activation.dim(2) + channel]};
  }
}

/// What is shown adds up to the map of the definition, and says of each channel what it has in it.
void expect_definition(const Evidence& evidence, const Tensor& activation,
                       std::span<const float> alpha) {
  const std::size_t cells = activation.dim(0) * activation.dim(1);
  std::vector<double> all(cells);
  std::vector<double> shown(evidence.others.begin(), evidence.others.end());
  std::vector<double> totals(alpha.size());
  for (std::size_t k = 0; k < alpha.size(); ++k) {
    std::vector<double> map(cells);
    add_channel(activation, k, double{alpha[k]}, map);
    totals[k] = std::accumulate(map.begin(), map.end(), 0.0);
    std::ranges::transform(all, map, all.begin(), std::plus());
  }
  const double mass = std::accumulate(totals.begin(), totals.end(), 0.0,
                                      [](double sum, double t) { return sum + std::abs(t); });
  double share = double{evidence.others_share};
  for (const ChannelPart& part : evidence.channels) {
    EXPECT_EQ(part.alpha, alpha[part.channel]);
    EXPECT_NEAR(double{part.share} * mass, totals[part.channel], 1e-5 * mass);
    share += double{part.share};
    add_channel(activation, part.channel, double{part.alpha}, shown);
  }
  const auto as_floats = [](const std::vector<double>& map) {
    return std::vector<float>(map.begin(), map.end());
  };
  EXPECT_TRUE(close(evidence.sum, as_floats(all)));
  EXPECT_TRUE(close(as_floats(shown), as_floats(all)));
  EXPECT_NEAR(share * mass, std::accumulate(totals.begin(), totals.end(), 0.0), 1e-5 * mass);
}

class TinyEvidence : public ::testing::TestWithParam<TinyModel> {};

TEST_P(TinyEvidence, OfTheOraclesAlphaAddsUpToTheMap) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, TinyRun::forward(GetParam(), ConvAlgorithm::kReference));
  ASSERT_OK_AND_ASSIGN(const Tensor alphas, run.oracle.tensor("alpha"));
  const Tensor& activation = run.activations.block5_conv3();
  const std::size_t channels = alphas.dim(1);
  for (const std::size_t c : run.classes) {
    SCOPED_TRACE("class " + std::to_string(c));
    const auto alpha = alphas.values().subspan(c * channels, channels);
    expect_definition(take_apart(activation, alpha, 3, 2), activation, alpha);
    expect_definition(take_apart(activation, alpha, 0, 0), activation, alpha);
    expect_definition(take_apart(activation, alpha, channels, channels), activation, alpha);
  }
}

TEST_P(TinyEvidence, NamesTheStrongestForThenThoseAgainst) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, TinyRun::forward(GetParam(), ConvAlgorithm::kReference));
  ASSERT_OK_AND_ASSIGN(const Tensor alphas, run.oracle.tensor("alpha"));
  const std::size_t channels = alphas.dim(1);
  for (const std::size_t c : run.classes) {
    SCOPED_TRACE("class " + std::to_string(c));
    const auto alpha = alphas.values().subspan(c * channels, channels);
    const auto parts =
        take_apart(run.activations.block5_conv3(), alpha, channels, channels).channels;
    const auto against = std::ranges::find_if(parts, [](const auto& p) { return p.share < 0; });
    EXPECT_TRUE(std::ranges::all_of(parts.begin(), against,
                                    [](const auto& p) { return p.share > 0 && p.alpha > 0; }));
    EXPECT_TRUE(std::ranges::all_of(against, parts.end(),
                                    [](const auto& p) { return p.share < 0 && p.alpha < 0; }));
    EXPECT_TRUE(
        std::ranges::is_sorted(parts.begin(), against, std::greater(), &ChannelPart::share));
    EXPECT_TRUE(std::ranges::is_sorted(against, parts.end(), std::less(), &ChannelPart::share));
    const auto few = take_apart(run.activations.block5_conv3(), alpha, 1, 1).channels;
    ASSERT_EQ(few.size(), (against != parts.begin() ? 1u : 0u) + (against != parts.end() ? 1 : 0));
    if (against != parts.begin()) {
      EXPECT_EQ(few.front().channel, parts.front().channel);
    }
    if (against != parts.end()) {
      EXPECT_EQ(few.back().channel, against->channel);
    }
  }
}

/// What members gather at any layer is what makes the map there.
TEST_P(TinyEvidence, MakesTheMapAtEveryLayer) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, TinyRun::forward(GetParam(), ConvAlgorithm::kReference));
  ASSERT_OK_AND_ASSIGN(const auto bytes, read_tiny(GetParam().file));
  ASSERT_OK_AND_ASSIGN(const Tensor input, run.oracle.tensor("input"));
  const std::size_t c = run.classes.back();
  for (const std::size_t count : {1, 3}) {
    ASSERT_OK_AND_ASSIGN(Members team, Members::load(bytes, count));
    for (std::size_t layer = 0; layer < kMapLayers; ++layer) {
      SCOPED_TRACE(std::string(map_layer_name(layer)) + " of " + std::to_string(count));
      ASSERT_OK(team.forward(input));
      ASSERT_OK_AND_ASSIGN(const auto maps,
                           team.explain(input, std::array{c}, methods().front(), layer));
      for (Member& member : team.members) {
        ASSERT_OK(begin_evidence(member, c, layer));
      }
      ASSERT_OK(team.run());
      const auto gathered = team.members.front().take_gathered();
      ASSERT_EQ(gathered.size(), 1u);
      const Tensor& activation = gathered.front().activation;
      const auto alpha = gathered.front().gradients.front().values();
      const Evidence evidence = take_apart(activation, alpha, 3, 2);
      expect_definition(evidence, activation, alpha);
      const std::vector<double> sum(evidence.sum.begin(), evidence.sum.end());
      const Heatmap map = make_heatmap(activation.dim(0), activation.dim(1), sum);
      EXPECT_EQ(map.status, maps.front().status);
      EXPECT_TRUE(close(map.values, maps.front().values));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(TinyModels, TinyEvidence,
                         ::testing::Values(kTinyModels[0], kTinyModels[4], kTinyModels[7]),
                         [](const auto& test) { return std::string(test.param.expected); });

TEST(Evidence, OfChannelsThatCancelIsNotLost) {
  const std::array<float, 4> activation = {1, 1, 2, 2};
  const std::array<float, 2> alpha = {0.5f, -0.5f};
  ASSERT_OK_AND_ASSIGN(const Tensor tensor, Tensor::from({1, 2, 2}, activation));
  const Evidence evidence = take_apart(tensor, alpha, 1, 1);
  ASSERT_EQ(evidence.channels.size(), 2u);
  EXPECT_EQ(evidence.channels[0].share, 0.5f);
  EXPECT_EQ(evidence.channels[1].share, -0.5f);
  EXPECT_EQ(evidence.others_share, 0.0f);
  EXPECT_EQ(evidence.sum, (std::vector<float>{0, 0}));
}

TEST(Evidence, OfNothingIsNothing) {
  ASSERT_OK_AND_ASSIGN(const Tensor tensor, Tensor::zeros({2, 2, 3}));
  const std::array<float, 3> alpha = {1, -1, 0};
  const Evidence evidence = take_apart(tensor, alpha, 3, 3);
  EXPECT_TRUE(evidence.channels.empty());
  EXPECT_EQ(evidence.others_share, 0.0f);
  EXPECT_EQ(evidence.sum, std::vector<float>(4));
}

}  // namespace
}  // namespace gradcam::testing
