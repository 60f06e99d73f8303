#include "gradcam/evaluate/road.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/evaluate/faithfulness.h"
#include "gradcam/evaluate/imputation.h"
#include "support/compare.h"
#include "support/heatmaps.h"
#include "support/result.h"
#include "support/tensor_file.h"
#include "support/tiny_vgg16.h"

namespace gradcam::testing {
namespace {

constexpr std::array<float, 3> kNoNoise = {};

/// The same in all three channels.
Result<Tensor> grey(std::size_t height, std::size_t width, const std::vector<float>& values) {
  GRADCAM_TRY(Tensor image, Tensor::zeros({height, width, 3}));
  for (std::size_t i = 0; i < image.size(); ++i) image.data()[i] = values[i / 3];
  return image;
}

TEST(Impute, GivesWhatNumpySolves) {
  ASSERT_OK_AND_ASSIGN(const TensorFile oracle, TensorFile::read(oracle_fixture("road")));
  const auto cases = oracle.cases("");
  ASSERT_EQ(cases.size(), 7u);
  for (const std::string& name : cases) {
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(const Tensor input, oracle.tensor(name + "/input"));
    ASSERT_OK_AND_ASSIGN(const Tensor removed, oracle.tensor(name + "/removed"));
    ASSERT_OK_AND_ASSIGN(const Tensor expected, oracle.tensor(name + "/imputed"));
    std::vector<std::size_t> pixels;
    for (std::size_t i = 0; i < removed.size(); ++i) {
      if (removed.data()[i] != 0) pixels.push_back(i);
    }
    ASSERT_OK_AND_ASSIGN(const Tensor imputed, impute(input, pixels, kNoNoise));
    EXPECT_TRUE(close(imputed.values(), expected.values()));
  }
}

/// Of one pixel, by hand.
TEST(Impute, GivesTheMeanOfTheNeighbours) {
  ASSERT_OK_AND_ASSIGN(const Tensor image, grey(3, 3, {1, 2, 4, 8, 16, 32, 64, 128, 256}));
  const auto value = [&](std::size_t pixel) {
    const auto imputed = impute(image, {{pixel}}, kNoNoise);
    EXPECT_TRUE(imputed);
    return imputed->data()[pixel * 3 + 1];
  };
  EXPECT_NEAR(value(4), (2 + 8 + 32 + 128) / 6.0 + (1 + 4 + 64 + 256) / 12.0, 1e-4);
  // Beyond the edge there is nothing: the others weigh the more.
  EXPECT_NEAR(value(1), (2 * (1 + 4 + 16) + 8 + 32) / 8.0, 1e-4);
  EXPECT_NEAR(value(0), (2 * (2 + 8) + 16) / 5.0, 1e-4);
}

TEST(Impute, OfARowIsALineBetweenWhatIsLeft) {
  ASSERT_OK_AND_ASSIGN(const Tensor row, grey(1, 6, {3, 0, 0, 0, 11, 0}));
  ASSERT_OK_AND_ASSIGN(const Tensor imputed, impute(row, {{5, 3, 1, 2}}, kNoNoise));
  const std::array expected = {3.f, 5.f, 7.f, 9.f, 11.f, 11.f};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(imputed.data()[i * 3], expected[i], 1e-4) << i;
  }
}

TEST(Impute, ChangesNothingElse) {
  ASSERT_OK_AND_ASSIGN(const Tensor image, grey(2, 2, {1, 2, 3, 4}));
  ASSERT_OK_AND_ASSIGN(const Tensor same, impute(image, {}, {1, 1, 1}));
  EXPECT_TRUE(std::ranges::equal(same.values(), image.values()));
  ASSERT_OK_AND_ASSIGN(const Tensor one, impute(image, {{2}}, {1, 1, 1}));
  for (const std::size_t pixel : {0, 1, 3})
    EXPECT_EQ(one.data()[pixel * 3], image.data()[pixel * 3]);
  EXPECT_NE(one.data()[2 * 3], image.data()[2 * 3]);
}

TEST(Impute, RefusesToGuessFromNothing) {
  ASSERT_OK_AND_ASSIGN(const Tensor image, grey(1, 2, {1, 2}));
  EXPECT_NE(error_message(impute(image, {{0, 1}}, kNoNoise), ErrorCode::kInvalidArgument), "");
}

TEST(Impute, AddsTheSameNoiseToAPixel) {
  constexpr std::size_t kSide = 60;
  ASSERT_OK_AND_ASSIGN(const Tensor image,
                       grey(kSide, kSide, std::vector<float>(kSide * kSide, 5)));
  std::vector<std::size_t> pixels(kSide * kSide - kSide);
  std::iota(pixels.begin(), pixels.end(), kSide);
  ASSERT_OK_AND_ASSIGN(const Tensor noisy, impute(image, pixels, {0.5f, 2, 0}));
  for (const auto& [c, deviation] : {std::pair<std::size_t, double>{0, 0.5}, {1, 2}, {2, 0}}) {
    double sum = 0;
    double squares = 0;
    for (const std::size_t pixel : pixels) {
      const double noise = double{noisy.data()[pixel * 3 + c]} - 5;
      sum += noise;
      squares += noise * noise;
    }
    const auto n = static_cast<double>(pixels.size());
    EXPECT_NEAR(sum / n, 0, 5 * deviation / std::sqrt(n) + 1e-3);
    EXPECT_NEAR(std::sqrt(squares / n), deviation, 0.05 * deviation + 1e-3);
  }
  ASSERT_OK_AND_ASSIGN(const Tensor half,
                       impute(image, std::span(pixels).first(1000), {0.5f, 2, 0}));
  for (std::size_t at = 0; at < (kSide + 1000) * 3; ++at)
    ASSERT_NEAR(half.data()[at], noisy.data()[at], 1e-3);
}

class RoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TinyRun::forward({"tiny64.keras", "tiny64"}, ConvAlgorithm::kReference);
    ASSERT_OK(made);
    run_.emplace(*std::move(made));
    ASSERT_OK_AND_ASSIGN(input_, run_->oracle.tensor("input"));
    ASSERT_OK_AND_ASSIGN(scratch_, run_->model.make_activations());
  }

  auto plan(std::span<const Heatmap> maps, std::size_t class_index = 1) {
    return plan_road(run_->model, input_, class_index, maps);
  }

  Result<std::vector<Road>> measure(std::span<const Heatmap> maps) {
    GRADCAM_TRY(const auto road, plan(maps));
    return carry_out(road, run_->model, scratch_);
  }

  /// Which pixels of an input are not as they were.
  std::set<std::size_t> changed(const Tensor& start) const {
    std::set<std::size_t> pixels;
    for (std::size_t i = 0; i < input_.size(); ++i) {
      if (start.data()[i] != input_.data()[i]) pixels.insert(i / 3);
    }
    return pixels;
  }

  std::optional<TinyRun> run_;
  Tensor input_;
  Activations scratch_;
};

TEST_F(RoadTest, TakesAwayTheHottestOrTheColdestPixels) {
  // Hotter from row to row, and in a row from left to right.
  std::vector<float> heat(64 * 64);
  for (std::size_t i = 0; i < heat.size(); ++i) heat[i] = static_cast<float>(i) / 4096;
  const Heatmap map = map_of(64, 64, heat);
  ASSERT_OK_AND_ASSIGN(const auto road, plan({&map, 1}));
  ASSERT_EQ(road.passes.count, 8u);
  for (std::size_t pass = 0; pass < 8; ++pass) {
    SCOPED_TRACE(pass);
    ASSERT_OK_AND_ASSIGN(const Tensor start, road.passes.start(pass));
    const std::set<std::size_t> pixels = changed(start);
    ASSERT_EQ(pixels.size(), 4096 * (pass % 4 + 1) / 5);
    const bool is_hottest = pass < 4;
    EXPECT_EQ(is_hottest ? *pixels.rbegin() : *pixels.begin(), is_hottest ? 4095u : 0u);
    EXPECT_EQ(*pixels.rbegin() - *pixels.begin() + 1, pixels.size());
  }
}

TEST_F(RoadTest, IsWhatTheNetworkSaysOfTheRest) {
  const std::array maps = {map_of(1, 2, {1, 0}), centre_map()};
  ASSERT_OK_AND_ASSIGN(const auto road, plan(maps));
  ASSERT_OK_AND_ASSIGN(const std::vector<Road> measured, measure(maps));
  ASSERT_EQ(measured.size(), 2u);
  for (std::size_t pass = 0; pass < road.passes.count; ++pass) {
    ASSERT_OK_AND_ASSIGN(const Tensor start, road.passes.start(pass));
    ASSERT_OK(run_->model.forward(start, scratch_));
    const Road& of_map = measured[pass / 8];
    const auto& curve = pass % 8 < 4 ? of_map.hottest_first : of_map.coldest_first;
    EXPECT_EQ(curve[pass % 4], double{run_->model.probabilities(scratch_.logits.values())[1]})
        << pass;
  }
  EXPECT_NE(measured[0].score(), measured[1].score());
}

TEST_F(RoadTest, OfTheOppositeMapIsTheOpposite) {
  std::vector<float> heat(64 * 64);  // none equal, which would come in random order
  for (std::size_t i = 0; i < heat.size(); ++i) heat[i] = static_cast<float>(i * 1021 % 4096);
  std::vector<float> opposite;
  for (const float value : heat) opposite.push_back(4095 - value);
  const std::array maps = {map_of(64, 64, heat), map_of(64, 64, opposite)};
  ASSERT_OK_AND_ASSIGN(const std::vector<Road> measured, measure(maps));
  EXPECT_EQ(measured[0].hottest_first, measured[1].coldest_first);
  EXPECT_EQ(measured[0].coldest_first, measured[1].hottest_first);
  EXPECT_NE(measured[0].score(), 0);
  EXPECT_EQ(measured[0].score(), -measured[1].score());
}

TEST_F(RoadTest, NoiseIsAHundredthOfWhatColoursVary) {
  const Heatmap map = constant_map();
  std::ranges::fill(input_.values(), 0.25f);
  ASSERT_OK_AND_ASSIGN(const auto road, plan({&map, 1}));
  ASSERT_OK_AND_ASSIGN(const Tensor start, road.passes.start(3));
  const Preprocess& spec = run_->model.info().preprocess;
  const Preprocess imagenet;
  for (std::size_t c = 0; c < 3; ++c) {
    double squares = 0;
    for (std::size_t i = c; i < start.size(); i += 3) {
      squares += std::pow(double{start.data()[i]} - 0.25, 2);
    }
    const float colours = imagenet.std[spec.bgr ? 2 - c : c] * 255 * spec.scale / spec.std[c];
    EXPECT_NEAR(std::sqrt(squares / (64 * 64 * 80 / 100)), 0.01 * double{colours},
                0.05 * 0.01 * double{colours});
  }
}

TEST_F(RoadTest, RefusesAClassAndMapsThatAreNone) {
  const Heatmap map = constant_map();
  EXPECT_NE(error_message(plan({&map, 1}, 99), ErrorCode::kInvalidArgument), "");
  const Heatmap none = map_of(0, 0, {});
  EXPECT_NE(error_message(plan({&none, 1}), ErrorCode::kInvalidArgument), "");
}

TEST(Road, ScoreIsHalfOfWhatLiesBetweenTheCurves) {
  const Road road{.hottest_first = {0.8, 0.4, 0.2, 0}, .coldest_first = {0.9, 0.9, 0.6, 0.2}};
  EXPECT_NEAR(road.score(), (0.1 + 0.5 + 0.4 + 0.2) / 4 / 2, 1e-12);
  EXPECT_EQ(Road().score(), 0);
}

}  // namespace
}  // namespace gradcam::testing
