#include "gradcam/evaluate/faithfulness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/evaluate/masking.h"
#include "gradcam/evaluate/trust.h"
#include "gradcam/explain/occlusion.h"
#include "support/heatmaps.h"
#include "support/result.h"
#include "support/tensor_file.h"
#include "support/tiny_vgg16.h"

namespace gradcam::testing {
namespace {

class FaithfulnessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TinyRun::forward({"tiny64.keras", "tiny64"}, ConvAlgorithm::kReference);
    ASSERT_OK(made);
    run_.emplace(*std::move(made));
    ASSERT_OK_AND_ASSIGN(input_, run_->oracle.tensor("input"));
    ASSERT_OK_AND_ASSIGN(scratch_, run_->model.make_activations());
    best_ = run_->model.predictions(run_->activations).front();
  }

  Result<std::vector<Faithfulness>> measure(std::span<const Heatmap> maps, std::size_t steps) {
    GRADCAM_TRY(const auto plan, plan_faithfulness(run_->model, input_, best_.index, maps, steps));
    EXPECT_EQ(plan.passes.count, 3 + maps.size() * (2 * steps - 1));
    return carry_out(plan, run_->model, scratch_);
  }

  Result<Faithfulness> measure(const Heatmap& map, std::size_t steps) {
    GRADCAM_TRY(const auto all, measure({&map, 1}, steps));
    return all.front();
  }

  Result<double> probability(const Tensor& input) {
    GRADCAM_CHECK_OK(run_->model.forward(input, scratch_));
    const auto all = run_->model.predictions(scratch_);
    return double{std::ranges::find(all, best_.index, &Prediction::index)->probability};
  }

  std::optional<TinyRun> run_;
  Tensor input_;
  Activations scratch_;
  Prediction best_{};
};

TEST_F(FaithfulnessTest, OfHalfThePhotoIsWhatTheNetworkSaysOfIt) {
  std::vector<float> left(64 * 64);
  ASSERT_OK_AND_ASSIGN(Tensor only_left, input_.clone());
  ASSERT_OK_AND_ASSIGN(Tensor only_right, input_.clone());
  for (std::size_t i = 0; i < left.size(); ++i) {
    const bool is_left = i % 64 < 32;
    left[i] = is_left ? 1 : 0;
    for (std::size_t c = 0; c < 3; ++c) {
      (is_left ? only_right : only_left).data()[i * 3 + c] = 0;
    }
  }
  ASSERT_OK_AND_ASSIGN(const double p_left, probability(only_left));
  ASSERT_OK_AND_ASSIGN(const double p_right, probability(only_right));
  const double whole = double{best_.probability};
  ASSERT_OK_AND_ASSIGN(const Faithfulness f, measure(map_of(64, 64, left), 2));
  EXPECT_NEAR(f.probability, whole, 1e-6);
  EXPECT_NEAR(f.drop, std::max(0.0, whole - p_left) / whole, 1e-5);
  EXPECT_EQ(f.increase, p_left > whole);
  ASSERT_EQ(f.deletion_curve.size(), 3u);
  EXPECT_NEAR(f.deletion_curve[1], p_right, 1e-6);
  EXPECT_NEAR(f.deletion, (whole / 2 + p_right + f.deletion_curve[2] / 2) / 2, 1e-6);
  EXPECT_NEAR(f.insertion_curve[2], whole, 1e-6);
}

/// Insertion begins with the photo blurred by RISE's Gaussian, in both directions.
TEST_F(FaithfulnessTest, OfADotTheBlurIsAGaussian) {
  const auto weight = [](int offset) {
    return std::abs(offset) > 5 ? 0.0 : std::exp(-offset * offset / (2.0 * 5 * 5));
  };
  double sum = 0;
  for (int i = -5; i <= 5; ++i) sum += weight(i);
  // How much of a dot on a line of 64 is seen from a place. Beyond the ends it is repeated.
  const auto share = [&](int dot, int place) {
    double seen = 0;
    for (int i = place - 5; i <= place + 5; ++i) {
      const bool is_dot = i == dot || (dot == 0 && i < 0) || (dot == 63 && i > 63);
      seen += is_dot ? weight(i - place) : 0;
    }
    return seen / sum;
  };
  for (const auto& [row, column] : {std::pair(30, 20), {0, 0}, {63, 63}, {0, 63}, {2, 61}}) {
    SCOPED_TRACE(std::to_string(row) + ", " + std::to_string(column));
    ASSERT_OK_AND_ASSIGN(Tensor dot, Tensor::zeros(input_.shape()));
    dot.data()[(row * 64 + column) * 3 + 1] = 1;
    const Heatmap map = constant_map();
    ASSERT_OK_AND_ASSIGN(const auto plan,
                         plan_faithfulness(run_->model, dot, best_.index, {&map, 1}, 2));
    ASSERT_OK_AND_ASSIGN(const Tensor blurred, plan.passes.start(1));
    for (int y = 0; y < 64; ++y) {
      for (int x = 0; x < 64; ++x) {
        const float* pixel = blurred.data() + (y * 64 + x) * 3;
        ASSERT_NEAR(pixel[1], share(row, y) * share(column, x), 1e-7) << y << ", " << x;
        ASSERT_EQ(pixel[0], 0);
      }
    }
  }
}

TEST_F(FaithfulnessTest, APartThatShowsMoreThanTheWholeIsNoDrop) {
  const Heatmap left = map_of(1, 2, {1, 0});
  bool found = false;
  for (const std::size_t index : run_->classes) {
    ASSERT_OK_AND_ASSIGN(const auto plan,
                         plan_faithfulness(run_->model, input_, index, {&left, 1}, 2));
    ASSERT_OK_AND_ASSIGN(const Tensor masked, plan.passes.start(3));
    ASSERT_OK(run_->model.forward(masked, scratch_));
    const float seen = run_->model.probabilities(scratch_.logits.values())[index];
    ASSERT_OK_AND_ASSIGN(const auto measured, carry_out(plan, run_->model, scratch_));
    const Faithfulness& f = measured.front();
    EXPECT_EQ(f.increase, double{seen} > f.probability);
    EXPECT_NEAR(f.drop, f.increase ? 0 : 1 - double{seen} / f.probability, 1e-5);
    found = found || f.increase;
  }
  EXPECT_TRUE(found) << "this says nothing about the increase";
}

TEST_F(FaithfulnessTest, IsDefinedForEmptyMaps) {
  const Heatmap empty = map_of(4, 4, std::vector<float>(16));
  ASSERT_OK_AND_ASSIGN(const Faithfulness f, measure(empty, 4));
  ASSERT_OK_AND_ASSIGN(const Tensor nothing, Tensor::zeros(input_.shape()));
  ASSERT_OK_AND_ASSIGN(const double p, probability(nothing));
  EXPECT_NEAR(f.drop, std::max(0.0, f.probability - p) / f.probability, 1e-6);
  EXPECT_EQ(f.insertion_curve.size(), 5u);
  const auto refused = [&](std::size_t class_index, std::size_t steps) {
    return error_message(plan_faithfulness(run_->model, input_, class_index, {&empty, 1}, steps),
                         ErrorCode::kInvalidArgument);
  };
  EXPECT_NE(refused(15, 4), "");
  EXPECT_NE(refused(0, 0), "");
}

TEST_F(FaithfulnessTest, OfSeveralMapsIsThatOfEach) {
  const std::array maps = {map_of(2, 2, {0, 1, 0.5f, 0}), constant_map(), map_of(1, 2, {0.25f, 1})};
  ASSERT_OK_AND_ASSIGN(const auto together, measure(maps, 3));
  ASSERT_EQ(together.size(), maps.size());
  for (std::size_t i = 0; i < maps.size(); ++i) {
    ASSERT_OK_AND_ASSIGN(const Faithfulness alone, measure(maps[i], 3));
    EXPECT_EQ(together[i].insertion_curve, alone.insertion_curve);
    EXPECT_EQ(together[i].deletion_curve, alone.deletion_curve);
    EXPECT_EQ(together[i].drop, alone.drop);
  }
  EXPECT_NE(together[0].insertion_curve, together[2].insertion_curve);
}

TEST_F(FaithfulnessTest, MapsThatAreNoneAreRefused) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Heatmap& map : {map_of(0, 0, {}), map_of(2, 2, {1}), map_of(1, 2, {0, nan})}) {
    EXPECT_NE(error_message(measure(map, 2), ErrorCode::kInvalidArgument), "");
  }
}

TEST_F(FaithfulnessTest, OfAConstantMapKnowsNoOrder) {
  // Whatever the constant is, the pixels come in the same random order.
  ASSERT_OK_AND_ASSIGN(const Faithfulness empty, measure(constant_map(), 4));
  ASSERT_OK_AND_ASSIGN(const Faithfulness full, measure(map_of(2, 2, {1, 1, 1, 1}), 4));
  EXPECT_EQ(empty.insertion_curve, full.insertion_curve);
  EXPECT_EQ(full.drop, 0);
}

/// What a map is measured beside: half of the pixels are anywhere, not the upper half.
TEST_F(FaithfulnessTest, OfAConstantMapTheOrderIsRandom) {
  ASSERT_OK_AND_ASSIGN(Tensor white, input_.clone());
  for (float& value : white.values()) value = 1;
  const Heatmap map = constant_map();
  ASSERT_OK_AND_ASSIGN(const auto plan, plan_faithfulness(run_->model, white, 0, {&map, 1}, 2));
  ASSERT_OK_AND_ASSIGN(const Tensor deleted, plan.passes.start(5));
  std::array<std::size_t, 4> gone = {};  // of each quarter
  for (std::size_t i = 0; i < 64 * 64; ++i) {
    gone[i / 64 / 32 * 2 + i % 64 / 32] += deleted.data()[i * 3] == 0 ? 1 : 0;
  }
  EXPECT_EQ(gone[0] + gone[1] + gone[2] + gone[3], 64u * 64 / 2);
  // A quarter has 512 of its 1024 on average, with a standard deviation of 14.
  for (const std::size_t count : gone) EXPECT_NEAR(count, 512.0, 6 * 14);
}

TEST(CentreMap, IsAGaussianOfAFifthOfTheSide) {
  const Heatmap map = centre_map();
  ASSERT_EQ(map.rows, map.cols);
  ASSERT_EQ(map.values.size(), map.rows * map.cols);
  for (std::size_t cell = 0; cell < map.values.size(); ++cell) {
    // From the middle, in sides.
    const auto offset = [&](std::size_t i) {
      return (static_cast<double>(i) + 0.5) / static_cast<double>(map.rows) - 0.5;
    };
    const double distance = std::hypot(offset(cell / map.cols), offset(cell % map.cols));
    EXPECT_NEAR(map.values[cell], std::exp(-0.5 * std::pow(distance / 0.2, 2)), 1e-6) << cell;
  }
  EXPECT_NEAR(heat_at(map, 0.5, 0.5), 1, 1e-6);
  EXPECT_NEAR(heat_at(map, 0.7, 0.5), std::exp(-0.5), 0.01);
  EXPECT_NEAR(heat_at(map, 0.5, 0.3), std::exp(-0.5), 0.01);
}

/// Where no mean is subtracted, zero would be black.
TEST(CoveredPixels, HaveTheMeanColourWhereZeroIsNotIt) {
  ASSERT_OK_AND_ASSIGN(TensorFile file, TensorFile::read(oracle_fixture("tiny64.keras")));
  file.metadata["preprocess"] =
      R"({"resize":"squash","size":64,"channels":"BGR","scale":0.00392156862745098,)"
      R"("mean":[0,0,0],"std":[1,1,0.5]})";
  ASSERT_OK_AND_ASSIGN(const auto bytes, file.serialize());
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_vgg16(bytes));
  ASSERT_OK_AND_ASSIGN(Tensor input, Tensor::zeros({64, 64, 3}));
  std::ranges::fill(input.values(), 0.25f);
  const auto expect_mean = [](std::span<const float> pixel) {
    EXPECT_NEAR(pixel[0], 0.406, 1e-6);
    EXPECT_NEAR(pixel[1], 0.456, 1e-6);
    EXPECT_NEAR(pixel[2], 0.485 / 0.5, 1e-6);
  };
  const Heatmap left = map_of(1, 2, {1, 0});
  ASSERT_OK_AND_ASSIGN(const auto plan, plan_faithfulness(model, input, 0, std::span(&left, 1)));
  // Without any pixels; and with only the coldest eighth of them.
  ASSERT_OK_AND_ASSIGN(const Tensor empty, plan.passes.start(2));
  expect_mean(empty.values().last(3));
  ASSERT_OK_AND_ASSIGN(const Tensor deleted, plan.passes.start(3 + 2 * kCurveSteps - 2));
  expect_mean(deleted.values().first(3));
  ASSERT_OK_AND_ASSIGN(const auto trust, plan_trust(model, input, 0, left));
  ASSERT_OK_AND_ASSIGN(const Tensor covered, trust.passes.start(2));
  expect_mean(covered.values().first(3));
  EXPECT_EQ(covered.values().back(), 0.25f);

  ASSERT_OK_AND_ASSIGN(Activations activations, model.make_activations());
  ASSERT_OK(model.forward(input, activations));
  ASSERT_OK_AND_ASSIGN(const MapPlan hidden, occlusion({.model = model,
                                                        .input = input,
                                                        .logits = activations.logits.values(),
                                                        .view = {activations.block5_conv3()}},
                                                       {{0}}));
  ASSERT_OK_AND_ASSIGN(const Tensor first, hidden.passes.start(0));
  expect_mean(first.values().first(3));
  EXPECT_EQ(first.values().back(), 0.25f);
}

TEST(Masking, RefusesWhatIsNoInputAndPixelsBeyondIt) {
  ASSERT_OK_AND_ASSIGN(const Tensor input, Tensor::zeros({2, 3, 3}));
  ASSERT_OK_AND_ASSIGN(const Tensor flat, Tensor::zeros({18}));
  ASSERT_OK_AND_ASSIGN(const Tensor turned, Tensor::zeros({3, 2, 3}));
  ASSERT_OK_AND_ASSIGN(const Tensor grey, Tensor::zeros({2, 3, 1}));
  const std::vector<std::size_t> last = {5};
  const std::vector<std::size_t> beyond = {0, 6};
  const std::array<float, 3> colour = {};
  const auto refused = ErrorCode::kInvalidArgument;
  ASSERT_OK(blur(input));
  ASSERT_OK(heat_of_pixels(centre_map(), input));
  ASSERT_OK(with_pixels(input, last, input));
  ASSERT_OK(cover(input, last, colour));
  const Tensor none;
  for (const Tensor* wrong : {&flat, &none}) {
    const Tensor& other = *wrong;
    EXPECT_NE(error_message(blur(other), refused), "");
    EXPECT_NE(error_message(heat_of_pixels(centre_map(), other), refused), "");
    EXPECT_NE(error_message(with_pixels(other, last, other), refused), "");
    EXPECT_NE(error_message(with_pixels(input, last, other), refused), "");
    EXPECT_NE(error_message(cover(other, last, colour), refused), "");
  }
  EXPECT_NE(error_message(with_pixels(input, last, turned), refused), "");
  EXPECT_NE(error_message(with_pixels(input, beyond, input), refused), "");
  EXPECT_NE(error_message(cover(input, beyond, colour), refused), "");
  EXPECT_NE(error_message(cover(grey, last, colour), refused), "");
}

}  // namespace
}  // namespace gradcam::testing
