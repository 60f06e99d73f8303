#include "gradcam/explain/explain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/explain/channels.h"
#include "support/compare.h"
#include "support/heatmaps.h"
#include "support/result.h"
#include "support/tensor_file.h"
#include "support/tiny_vgg16.h"

namespace gradcam::testing {
namespace {

/// What the oracle wants: "block4_conv3/scorecam+all" is a layer, a method and an option.
struct Wanted {
  std::string layer;
  std::string method;
  std::string option;

  static Wanted parse(const std::string& name) {
    const std::size_t slash = name.find('/');
    Wanted wanted{.layer = name.substr(0, slash), .method = name.substr(slash + 1), .option = ""};
    for (const char* option : {"+eigen", "+flip", "+all"}) {
      const std::size_t at = wanted.method.find(option);
      if (at == std::string::npos) continue;
      wanted.option = wanted.method.substr(at + 1);
      wanted.method.resize(at);
    }
    return wanted;
  }

  Result<ExplainOptions> options() const {
    ExplainOptions options{.layers = {}, .channels = 3};
    if (layer == "fused") {
      for (const char* name : {"block3_conv2", "block4_conv3", "block5_conv3"}) {
        GRADCAM_TRY(const std::size_t index, find_map_layer(name));
        options.layers.push_back(index);
      }
    } else {
      GRADCAM_TRY(const std::size_t index,
                  find_map_layer(layer == "input" ? "block5_conv3" : layer));
      options.layers = {index};
    }
    options.principal_component = option == "eigen";
    options.augment = option == "flip";
    if (option == "all") options.channels = 0;
    return options;
  }
};

class ExplainTest : public ::testing::TestWithParam<ConvAlgorithm> {
 protected:
  static Result<TinyRun> run() {
    return TinyRun::forward({"methods.keras", "methods"}, GetParam());
  }
};

std::vector<std::size_t> classes_of(const TinyRun& run) {
  const auto tensor = run.oracle.tensor("classes");
  return {tensor->values().begin(), tensor->values().end()};
}

TEST_P(ExplainTest, EveryMethodAgreesWithItsFormulaAtEveryLayer) {
  ASSERT_OK_AND_ASSIGN(TinyRun run, ExplainTest::run());
  ASSERT_OK_AND_ASSIGN(const Tensor input, run.oracle.tensor("input"));
  const std::vector<std::size_t> classes = classes_of(run);
  std::vector<std::string> seen;
  for (const auto& entry : run.oracle.entries) {
    const std::string& key = entry.info.name;
    if (!key.ends_with(".map")) continue;
    SCOPED_TRACE(key);
    const std::string name = key.substr(0, key.size() - 4);
    const Wanted wanted = Wanted::parse(name);
    seen.push_back(wanted.method);
    ASSERT_OK_AND_ASSIGN(const Tensor expected, run.oracle.tensor(key));
    ASSERT_OK_AND_ASSIGN(const Tensor maxima, run.oracle.tensor(name + ".maximum"));
    ASSERT_OK_AND_ASSIGN(const Tensor shape, run.oracle.tensor(name + ".shape"));
    ASSERT_OK_AND_ASSIGN(const Method method, find_method(wanted.method));
    ASSERT_OK_AND_ASSIGN(const ExplainOptions options, wanted.options());
    ASSERT_OK_AND_ASSIGN(const auto maps,
                         explain(run.model, input, run.activations, classes, method, options));
    ASSERT_EQ(maps.size(), classes.size());
    for (std::size_t i = 0; i < maps.size(); ++i) {
      EXPECT_EQ(maps[i].rows, static_cast<std::size_t>(shape.data()[0]));
      EXPECT_EQ(maps[i].cols, static_cast<std::size_t>(shape.data()[1]));
      // Of large maps the fixture has a sample.
      const std::size_t kept = expected.dim(1);
      const std::size_t step = kept == maps[i].values.size() ? 1 : 13;
      std::vector<float> values;
      for (std::size_t j = 0; j < maps[i].values.size(); j += step) {
        values.push_back(maps[i].values[j]);
      }
      ASSERT_EQ(values.size(), kept);
      // Ablation-CAM's weights are small differences of logits, each with the rounding of the whole
      // network.
      const double tolerance = wanted.method == "ablationcam" ? 5e-4 : kOracleTolerance;
      EXPECT_TRUE(close(values, expected.values().subspan(i * kept, kept), tolerance));
      EXPECT_TRUE(close({&maps[i].maximum, 1}, maxima.values().subspan(i, 1), tolerance));
      EXPECT_EQ(maps[i].status, maxima.data()[i] > 0 ? HeatmapStatus::kOk : HeatmapStatus::kEmpty);
    }
  }
  for (const Method& method : methods()) {
    EXPECT_GE(std::ranges::count(seen, method.name), method.has_layer ? 4 : 1)
        << method.name << " is to be given its formula in tests/oracle, and fixtures by it";
  }
}

TEST_P(ExplainTest, LeavesTheActivationsAsTheyWere) {
  ASSERT_OK_AND_ASSIGN(TinyRun run, ExplainTest::run());
  ASSERT_OK_AND_ASSIGN(const Tensor input, run.oracle.tensor("input"));
  ASSERT_OK_AND_ASSIGN(const Tensor logits, run.activations.logits.clone());
  ASSERT_OK_AND_ASSIGN(const Tensor conv3, run.activations.block5_conv3().clone());
  for (const Method& method : methods()) {
    SCOPED_TRACE(method.name);
    ASSERT_OK(explain(run.model, input, run.activations, {{1}}, method, {.augment = true}));
    ASSERT_OK(explain(run.model, input, run.activations, {{1}}, method, {.layers = {0}}));
    EXPECT_TRUE(std::ranges::equal(run.activations.logits.values(), logits.values()));
    EXPECT_TRUE(std::ranges::equal(run.activations.block5_conv3().values(), conv3.values()));
  }
}

TEST_P(ExplainTest, ForgetsWhatBelongedToAnotherInput) {
  ASSERT_OK_AND_ASSIGN(TinyRun run, ExplainTest::run());
  ASSERT_OK_AND_ASSIGN(const Tensor input, run.oracle.tensor("input"));
  ASSERT_OK_AND_ASSIGN(Tensor other, input.clone());
  for (float& value : other.values()) value = -value;
  ASSERT_OK_AND_ASSIGN(const Method method, find_method("hirescam"));
  const ExplainOptions options{.layers = {1}};
  ASSERT_OK_AND_ASSIGN(const auto before,
                       explain(run.model, input, run.activations, {{0}}, method, options));
  ASSERT_OK(run.model.forward(other, run.activations));
  ASSERT_OK_AND_ASSIGN(const auto between,
                       explain(run.model, other, run.activations, {{0}}, method, options));
  EXPECT_NE(between.front().values, before.front().values);
  ASSERT_OK(run.model.forward(input, run.activations));
  ASSERT_OK_AND_ASSIGN(const auto after,
                       explain(run.model, input, run.activations, {{0}}, method, options));
  EXPECT_EQ(after.front().values, before.front().values);
}

INSTANTIATE_TEST_SUITE_P(All, ExplainTest,
                         ::testing::ValuesIn(conv_algorithms().begin(), conv_algorithms().end()),
                         [](const auto& info) {
                           return std::string(conv_algorithm_name(info.param));
                         });

class ExplainErrors : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TinyRun::forward({"methods.keras", "methods"}, ConvAlgorithm::kReference);
    ASSERT_OK(made);
    run_.emplace(*std::move(made));
    ASSERT_OK_AND_ASSIGN(input_, run_->oracle.tensor("input"));
  }

  Result<std::vector<Heatmap>> explain_by(const Method& method, std::size_t index,
                                          const ExplainOptions& options = {}) {
    const std::array<std::size_t, 1> classes = {index};
    return explain(run_->model, input_, run_->activations, classes, method, options);
  }

  std::optional<TinyRun> run_;
  Tensor input_;
};

TEST_F(ExplainErrors, AClassThatDoesNotExistIsRefusedByEveryMethod) {
  for (const Method& method : methods()) {
    SCOPED_TRACE(method.name);
    const std::string message = error_message(explain_by(method, 5), ErrorCode::kInvalidArgument);
    EXPECT_NE(message.find("class 5"), std::string::npos) << message;
  }
}

TEST_F(ExplainErrors, ALayerThatDoesNotExistIsAnsweredWithThoseThatDo) {
  const std::string message =
      error_message(find_map_layer("block6_conv1"), ErrorCode::kInvalidArgument);
  for (std::size_t layer = 0; layer < kMapLayers; ++layer) {
    EXPECT_NE(message.find(map_layer_name(layer)), std::string::npos) << message;
    ASSERT_OK_AND_ASSIGN(const std::size_t found, find_map_layer(map_layer_name(layer)));
    EXPECT_EQ(found, layer);
  }
  for (const std::vector<std::size_t>& layers : {std::vector<std::size_t>{}, {3, kMapLayers}}) {
    EXPECT_NE(error_message(explain_by(methods().front(), 0, {.layers = layers}),
                            ErrorCode::kInvalidArgument),
              "");
  }
}

TEST_F(ExplainErrors, MethodsWithoutChannelsHaveNoPrincipalComponent) {
  for (const Method& method : methods()) {
    SCOPED_TRACE(method.name);
    const auto maps = explain_by(method, 0, {.principal_component = true});
    EXPECT_EQ(maps.has_value(), method.has_channels);
  }
}

TEST_F(ExplainErrors, SlowMethodsReportAndCanBeStopped) {
  for (const Method& method : methods()) {
    if (!method.is_slow) continue;
    SCOPED_TRACE(method.name);
    std::size_t calls = 0;
    ExplainOptions options;
    options.progress = [&](std::size_t done, std::size_t total) {
      EXPECT_EQ(done, calls);
      EXPECT_GT(total, done);
      return ++calls < 3;
    };
    EXPECT_NE(error_message(explain_by(method, 0, options), ErrorCode::kCancelled), "");
    EXPECT_EQ(calls, 3u);
  }
}

TEST_F(ExplainErrors, MapsOfAnInputWithoutContentAreDefined) {
  // The mean colour everywhere: maps are constant but for the edges, or empty.
  for (float& value : input_.values()) value = 0;
  ASSERT_OK(run_->model.forward(input_, run_->activations));
  for (const Method& method : methods()) {
    for (const std::size_t layer : {std::size_t{0}, std::size_t{8}, kBlock5Conv3, kBlock5Pool}) {
      SCOPED_TRACE(std::string(method.name) + " at " + std::string(map_layer_name(layer)));
      ASSERT_OK_AND_ASSIGN(const auto maps, explain_by(method, 0, {.layers = {layer}}));
      const Heatmap& map = maps.front();
      ASSERT_EQ(map.values.size(), map.rows * map.cols);
      EXPECT_NE(map.status, HeatmapStatus::kNonFinite);
      const bool is_ok = map.status == HeatmapStatus::kOk;
      EXPECT_EQ(std::ranges::max(map.values), is_ok ? 1.0f : 0.0f);
      EXPECT_EQ(map.maximum > 0, is_ok);
      EXPECT_GE(std::ranges::min(map.values), 0.0f);
    }
  }
}

TEST(MakeHeatmap, OfAConstantIsOneEverywhereOrEmpty) {
  const Heatmap map = make_heatmap(1, 2, std::array{3.0, 3.0});
  EXPECT_EQ(map.values, (std::vector<float>{1, 1}));
  EXPECT_EQ(map.status, HeatmapStatus::kOk);
  for (const double value : {0.0, -3.0}) {
    EXPECT_EQ(make_heatmap(1, 2, std::array{value, value}).status, HeatmapStatus::kEmpty);
  }
}

TEST_F(ExplainErrors, BackwardNeedsCompleteActivations) {
  Vgg16& model = run_->model;
  ASSERT_OK_AND_ASSIGN(const Tensor gradient, Tensor::zeros(run_->activations.block5_pool.shape()));
  EXPECT_NE(error_message(model.backward_to_layer(run_->activations, gradient, 8),
                          ErrorCode::kInvalidArgument)
                .find("block4_conv3"),
            std::string::npos);
  ASSERT_OK(model.complete(run_->activations, 8));
  ASSERT_OK(model.backward_to_layer(run_->activations, gradient, 8));
  ASSERT_OK_AND_ASSIGN(const Tensor wrong, Tensor::zeros({1, 2, 3}));
  for (const std::size_t layer : {std::size_t{3}, kBlock5Conv3, kBlock5Pool, std::size_t{14}}) {
    EXPECT_NE(error_message(model.forward_from(layer, wrong, run_->activations),
                            ErrorCode::kInvalidArgument),
              "");
  }
}

TEST(FirstComponent, OfConstantMapsIsEmpty) {
  ASSERT_OK_AND_ASSIGN(Tensor x, Tensor::zeros({3, 4, 2}));
  ASSERT_OK_AND_ASSIGN(std::vector<double> scores, first_component(x, false));
  EXPECT_EQ(scores, std::vector<double>(12));
  for (float& value : x.values()) value = 2;
  ASSERT_OK_AND_ASSIGN(scores, first_component(x, true));
  EXPECT_EQ(scores, std::vector<double>(12));
  // Not centred, a constant map is its own component: sqrt(2 * 2^2) everywhere.
  ASSERT_OK_AND_ASSIGN(scores, first_component(x, false));
  for (const double score : scores) EXPECT_NEAR(score, std::sqrt(8), 1e-9);
}

TEST(FirstComponent, HasTheSignOfTheSum) {
  const std::array<float, 8> values = {-3, -1, 0, 0, 1, 0.5f, 5, 2};
  for (const float sign : {1.0f, -1.0f}) {
    std::vector<float> x;
    for (const float value : values) x.push_back(sign * value);
    ASSERT_OK_AND_ASSIGN(const Tensor tensor, Tensor::from({2, 2, 2}, x));
    ASSERT_OK_AND_ASSIGN(const std::vector<double> scores, first_component(tensor, true));
    EXPECT_EQ(scores[3] > scores[0], sign > 0);
  }
}

TEST(Fuse, AveragesAtTheLargestSize) {
  const std::array maps = {map_of(1, 1, {1}), map_of(1, 2, {1, 0})};
  const Heatmap fused = fuse_by_mean(maps);
  EXPECT_EQ(fused.cols, 2u);
  EXPECT_EQ(fused.values, (std::vector<float>{1, 0.5f}));
  EXPECT_EQ(fused.maximum, 1.0f);
  EXPECT_EQ(fused.status, HeatmapStatus::kOk);
}

TEST(Fuse, OfEmptyMapsIsEmptyAndOfOverflownOnesMeansNothing) {
  const Heatmap empty{.rows = 1, .cols = 2, .values = {0, 0}};
  const Heatmap broken{.rows = 1, .cols = 2, .values = {0, 0}, .status = HeatmapStatus::kNonFinite};
  EXPECT_EQ(fuse_by_mean(std::array{empty, empty}).status, HeatmapStatus::kEmpty);
  EXPECT_EQ(fuse_by_mean(std::array{empty, map_of(1, 2, {0, 1})}).status, HeatmapStatus::kOk);
  EXPECT_EQ(fuse_by_mean(std::array{map_of(1, 2, {0, 1}), broken}).status,
            HeatmapStatus::kNonFinite);
}

TEST(Explain, RefusesWhatMakesNoMaps) {
  ASSERT_OK_AND_ASSIGN(TinyRun run,
                       TinyRun::forward({"tiny64.keras", "tiny64"}, ConvAlgorithm::kReference));
  ASSERT_OK_AND_ASSIGN(const Tensor input, run.oracle.tensor("input"));
  const std::array<std::size_t, 1> classes = {0};
  const auto refused = ErrorCode::kInvalidArgument;
  EXPECT_NE(error_message(explain(run.model, input, run.activations, classes, Method{}), refused),
            "");
  const ExplainContext context{.model = run.model, .activations = run.activations};
  EXPECT_NE(error_message(explain_by(Cam{}, context, classes), refused), "");
}

TEST(Explain, AsksForLayersOnlyWhereTheyCount) {
  ASSERT_OK_AND_ASSIGN(TinyRun run,
                       TinyRun::forward({"tiny64.keras", "tiny64"}, ConvAlgorithm::kReference));
  ASSERT_OK_AND_ASSIGN(const Tensor input, run.oracle.tensor("input"));
  const std::array<std::size_t, 1> classes = {0};
  for (const std::vector<std::size_t>& layers : {std::vector<std::size_t>{}, {kMapLayers}}) {
    for (const Method& method : methods()) {
      const auto maps =
          explain(run.model, input, run.activations, classes, method, {.layers = layers});
      EXPECT_EQ(maps.has_value(), !method.has_layer) << method.name;
    }
  }
}

TEST(PassRun, TakesTheLogitsOfItsPassesAndNoMore) {
  ASSERT_OK_AND_ASSIGN(PassRun run, PassRun::begin({.count = 1}, 3));
  for (const std::size_t wrong : {0, 2, 4}) {
    ASSERT_OK_AND_ASSIGN(const Tensor logits, Tensor::zeros({wrong}));
    EXPECT_NE(error_message(run.take(logits), ErrorCode::kInvalidArgument), "");
  }
  ASSERT_OK_AND_ASSIGN(const Tensor logits, Tensor::zeros({3}));
  ASSERT_OK(run.take(logits));
  EXPECT_NE(error_message(run.take(logits), ErrorCode::kInvalidArgument), "");
}

}  // namespace
}  // namespace gradcam::testing
