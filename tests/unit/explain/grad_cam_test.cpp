#include "gradcam/explain/grad_cam.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "gradcam/explain/channels.h"
#include "support/backward.h"
#include "support/compare.h"
#include "support/result.h"
#include "support/tensor_file.h"
#include "support/tiny_vgg16.h"

namespace gradcam::testing {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

class TinyGradCam : public ::testing::TestWithParam<std::tuple<TinyModel, ConvAlgorithm>> {
 protected:
  static Result<TinyRun> run() {
    return TinyRun::forward(std::get<TinyModel>(GetParam()), std::get<ConvAlgorithm>(GetParam()));
  }
};

void expect_map(const Heatmap& map, const TensorFile& oracle, std::size_t c) {
  SCOPED_TRACE("class " + std::to_string(c));
  ASSERT_OK_AND_ASSIGN(const Tensor maps, oracle.tensor("map"));
  ASSERT_OK_AND_ASSIGN(const Tensor maxima, oracle.tensor("map_maximum"));
  const std::size_t cells = maps.dim(1) * maps.dim(2);
  EXPECT_EQ(map.rows, maps.dim(1));
  EXPECT_EQ(map.cols, maps.dim(2));
  EXPECT_TRUE(close(map.values, maps.values().subspan(c * cells, cells)));
  EXPECT_TRUE(close({&map.maximum, 1}, maxima.values().subspan(c, 1)));
  EXPECT_EQ(map.status, maxima.data()[c] > 0 ? HeatmapStatus::kOk : HeatmapStatus::kEmpty);
}

TEST_P(TinyGradCam, AgreesWithPyTorchForEveryClass) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, TinyGradCam::run());
  ASSERT_OK_AND_ASSIGN(const auto maps, grad_cam(run.model, run.activations, run.classes));
  ASSERT_EQ(maps.size(), run.model.classes());
  for (const std::size_t c : run.classes) expect_map(maps[c], run.oracle, c);
}

TEST_P(TinyGradCam, AgreesWithPyTorchByTheTextbook) {
  // All three steps by the paper: the gradient at block5_conv3 itself, its means, the map.
  ASSERT_OK_AND_ASSIGN(const TinyRun run, TinyGradCam::run());
  ASSERT_OK_AND_ASSIGN(const Tensor alphas, run.oracle.tensor("alpha"));
  const std::size_t channels = alphas.dim(1);
  for (const std::size_t c : run.classes) {
    SCOPED_TRACE("class " + std::to_string(c));
    const std::array<std::size_t, 1> one = {c};
    ASSERT_OK_AND_ASSIGN(const Tensor to_fc1, backward_to_fc1(run.model, run.activations, one));
    ASSERT_OK_AND_ASSIGN(Tensor to_pool, run.model.backward_to_block5_pool(to_fc1));
    ASSERT_OK(to_pool.reshape(run.activations.block5_pool.shape()));
    ASSERT_OK_AND_ASSIGN(const Tensor to_conv3,
                         run.model.backward_to_layer(run.activations, to_pool, kBlock5Conv3));
    const std::vector<float> alpha = channel_means(to_conv3);
    EXPECT_TRUE(close(alpha, alphas.values().subspan(c * channels, channels)));
    ASSERT_OK_AND_ASSIGN(const Heatmap map, weighted_map(run.activations.block5_conv3(), alpha));
    expect_map(map, run.oracle, c);
  }
}

TEST_P(TinyGradCam, FindsTheMeansFromTheSumsOfFc1) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, TinyGradCam::run());
  ASSERT_OK_AND_ASSIGN(const Tensor alphas, run.oracle.tensor("alpha"));
  ASSERT_OK_AND_ASSIGN(const Tensor to_fc1,
                       backward_to_fc1(run.model, run.activations, run.classes));
  ASSERT_OK_AND_ASSIGN(Tensor sums, run.model.backward_to_block5_pool_sums(to_fc1));
  EXPECT_EQ(sums.shape(), alphas.shape());
  const Tensor& conv3 = run.activations.block5_conv3();
  for (float& sum : sums.values()) sum /= static_cast<float>(conv3.dim(0) * conv3.dim(1));
  EXPECT_TRUE(close(sums.values(), alphas.values()));
}

INSTANTIATE_TEST_SUITE_P(All, TinyGradCam,
                         ::testing::Combine(::testing::ValuesIn(kTinyModels),
                                            ::testing::ValuesIn(conv_algorithms().begin(),
                                                                conv_algorithms().end())),
                         tiny_test_name);

TEST(GradCam, OfClassesWithoutPositiveEvidenceIsEmpty) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, TinyRun::forward({"tiny_empty.keras", "tiny_empty"},
                                                           default_conv_algorithm(64)));
  ASSERT_OK_AND_ASSIGN(const auto maps, grad_cam(run.model, run.activations, run.classes));
  ASSERT_EQ(maps.size(), 3u);
  // Class 0 depends on nothing, class 1 has evidence only against it, class 2 has some for it.
  for (const Heatmap& map : {maps[0], maps[1]}) {
    EXPECT_EQ(map.status, HeatmapStatus::kEmpty);
    EXPECT_EQ(map.maximum, 0.0f);
    EXPECT_TRUE(std::ranges::all_of(map.values, [](float v) { return v == 0.0f; }));
  }
  EXPECT_EQ(maps[2].status, HeatmapStatus::kOk);
  EXPECT_EQ(std::ranges::max(maps[2].values), 1.0f);
}

TEST(GradCam, OfAClassThatDoesNotExistIsRefused) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run,
                       TinyRun::forward({"tiny32.keras", "tiny32"}, default_conv_algorithm(64)));
  const std::array<std::size_t, 1> classes = {3};
  EXPECT_NE(
      error_message(grad_cam(run.model, run.activations, classes), ErrorCode::kInvalidArgument),
      "");
}

TEST(GradCam, OfNoClassesIsNoMaps) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run,
                       TinyRun::forward({"tiny32.keras", "tiny32"}, default_conv_algorithm(64)));
  ASSERT_OK_AND_ASSIGN(const auto maps, grad_cam(run.model, run.activations, {}));
  EXPECT_TRUE(maps.empty());
}

TEST(ChannelMeans, AreTakenOverPositions) {
  const std::array<float, 12> gradient = {1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, -150};
  ASSERT_OK_AND_ASSIGN(const Tensor tensor, Tensor::from({2, 3, 2}, gradient));
  EXPECT_EQ(channel_means(tensor), (std::vector<float>{3.5f, 0.0f}));
}

TEST(WeightedMap, IsRectifiedAndDividedByItsMaximum) {
  const std::array<float, 8> activation = {1, 0, 0, 1, 2, 1, 5, 1};
  const std::array<float, 2> alpha = {2, -3};
  ASSERT_OK_AND_ASSIGN(const Tensor tensor, Tensor::from({1, 4, 2}, activation));
  ASSERT_OK_AND_ASSIGN(const Heatmap map, weighted_map(tensor, alpha));
  EXPECT_EQ(map.rows, 1u);
  EXPECT_EQ(map.cols, 4u);
  EXPECT_EQ(map.maximum, 7.0f);
  EXPECT_EQ(map.status, HeatmapStatus::kOk);
  EXPECT_EQ(map.values, (std::vector<float>{2 / 7.0f, 0.0f, 1 / 7.0f, 1.0f}));
}

TEST(WeightedMap, SaysThatTheNetworkOverflowed) {
  const std::array<float, 2> alpha = {1, -1};
  for (const std::array<float, 4>& activation :
       {std::array<float, 4>{1, 0, kInfinity, 0}, std::array<float, 4>{1, 0, 0, kInfinity},
        std::array<float, 4>{1, 0, kInfinity, kInfinity},
        std::array<float, 4>{1, 0, 3e38f, -3e38f}}) {
    ASSERT_OK_AND_ASSIGN(const Tensor tensor, Tensor::from({2, 1, 2}, activation));
    ASSERT_OK_AND_ASSIGN(const Heatmap map, weighted_map(tensor, alpha));
    EXPECT_EQ(map.status, HeatmapStatus::kNonFinite);
    EXPECT_EQ(map.maximum, 0.0f);
    EXPECT_EQ(map.values, (std::vector<float>{0, 0}));
  }
}

TEST(WeightedMap, KeepsItsScaleForTheSmallestNumbers) {
  const std::array<float, 2> activation = {1, 0.5f};
  const std::array<float, 1> alpha = {1e-44f};
  ASSERT_OK_AND_ASSIGN(const Tensor tensor, Tensor::from({1, 2, 1}, activation));
  ASSERT_OK_AND_ASSIGN(const Heatmap map, weighted_map(tensor, alpha));
  EXPECT_EQ(map.status, HeatmapStatus::kOk);
  EXPECT_EQ(map.values[0], 1.0f);
  EXPECT_NEAR(map.values[1], 0.5f, 0.1f);
}

TEST(WeightedMap, RefusesWeightsThatDoNotFit) {
  ASSERT_OK_AND_ASSIGN(const Tensor tensor, Tensor::zeros({2, 2, 3}));
  const std::array<float, 2> alpha = {};
  EXPECT_NE(error_message(weighted_map(tensor, alpha), ErrorCode::kInvalidArgument), "");
}

}  // namespace
}  // namespace gradcam::testing
