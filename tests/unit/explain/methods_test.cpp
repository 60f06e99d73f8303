#include "gradcam/explain/methods.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradcam/explain/channels.h"
#include "gradcam/explain/counterfactual.h"
#include "gradcam/explain/grad_cam.h"
#include "gradcam/explain/guided_backprop.h"
#include "gradcam/explain/guided_grad_cam.h"
#include "support/compare.h"
#include "support/heatmaps.h"
#include "support/result.h"
#include "support/tensor_file.h"
#include "support/tiny_vgg16.h"
#include "support/values.h"

namespace gradcam::testing {
namespace {

using ::testing::HasSubstr;

/// The methods that are functions of a layer's activation and all of its gradient.
std::vector<Method> gradient_methods() {
  const auto is_one = [](const Method& method) {
    return method.cam.map != nullptr && method.cam.gradient <= GradientUse::kFactor &&
           method.has_channels && !method.is_guided;
  };
  std::vector<Method> found;
  std::ranges::copy_if(methods(), std::back_inserter(found), is_one);
  return found;
}

/// At block5_conv3.
ExplainContext context(const TinyRun& run) {
  return {.model = run.model, .activations = run.activations};
}

class CamMethod : public ::testing::TestWithParam<Method> {
 protected:
  static Result<Heatmap> map(const Tensor& activation, const Tensor& gradient) {
    return GetParam().cam.map({activation}, gradient);
  }
};

TEST_P(CamMethod, AgreesWithItsFormulaInFloat64) {
  ASSERT_OK_AND_ASSIGN(const TensorFile oracle, TensorFile::read(oracle_fixture("cams")));
  const auto cases = oracle.cases("");
  ASSERT_GE(cases.size(), 5u);
  for (const std::string& name : cases) {
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(const Tensor activation, oracle.tensor(name + "/activation"));
    ASSERT_OK_AND_ASSIGN(const Tensor gradient, oracle.tensor(name + "/gradient"));
    const std::string key = name + "/" + std::string(GetParam().name);
    ASSERT_OK_AND_ASSIGN(const Tensor expected, oracle.tensor(key + ".map"));
    ASSERT_OK_AND_ASSIGN(const Tensor maximum, oracle.tensor(key + ".maximum"));
    ASSERT_OK_AND_ASSIGN(const Heatmap actual, map(activation, gradient));
    EXPECT_EQ(actual.rows, expected.dim(0));
    EXPECT_EQ(actual.cols, expected.dim(1));
    EXPECT_TRUE(close(actual.values, expected.values()));
    EXPECT_TRUE(close({&actual.maximum, 1}, maximum.values()));
    EXPECT_EQ(actual.status, maximum.data()[0] > 0 ? HeatmapStatus::kOk : HeatmapStatus::kEmpty);
  }
}

TEST_P(CamMethod, RefusesAGradientOfAnotherShape) {
  ASSERT_OK_AND_ASSIGN(const Tensor activation, Tensor::zeros({2, 3, 4}));
  ASSERT_OK_AND_ASSIGN(const Tensor gradient, Tensor::zeros({3, 2, 4}));
  EXPECT_NE(error_message(map(activation, gradient), ErrorCode::kInvalidArgument), "");
}

TEST_P(CamMethod, UsesTheGradientAtBlock5Conv3) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run,
                       TinyRun::forward({"tiny64.keras", "tiny64"}, default_conv_algorithm(64)));
  ASSERT_OK_AND_ASSIGN(const auto maps, explain_by(GetParam().cam, context(run), run.classes));
  ASSERT_EQ(maps.size(), run.classes.size());
  ASSERT_OK_AND_ASSIGN(const Tensor gradients, run.oracle.tensor("gradient/block5_conv3"));
  const Tensor& activation = run.activations.block5_conv3();
  for (const std::size_t c : run.classes) {
    SCOPED_TRACE("class " + std::to_string(c));
    const auto values = gradients.values().subspan(c * activation.size(), activation.size());
    ASSERT_OK_AND_ASSIGN(const Tensor gradient, Tensor::from(activation.shape(), values));
    ASSERT_OK_AND_ASSIGN(const Heatmap expected, map(activation, gradient));
    EXPECT_TRUE(close(maps[c].values, expected.values));
    EXPECT_EQ(maps[c].status, expected.status);
  }
}

INSTANTIATE_TEST_SUITE_P(All, CamMethod, ::testing::ValuesIn(gradient_methods()),
                         [](const auto& info) {
                           const std::string name(info.param.name);
                           return name == "gradcam++" ? "gradcam_plus_plus" : name;
                         });

TEST(Methods, BeginWithGradCamAndAreFoundByName) {
  ASSERT_FALSE(methods().empty());
  EXPECT_EQ(methods().front().name, "gradcam");
  for (const Method& method : methods()) {
    ASSERT_OK_AND_ASSIGN(const Method found, find_method(method.name));
    EXPECT_EQ(found.title, method.title);
    EXPECT_FALSE(method.title.empty());
    EXPECT_FALSE(method.about.empty());
    EXPECT_EQ(caption_for(method, "pug").find("{}"), std::string::npos);
  }
  EXPECT_NE(error_message(find_method("nocam"), ErrorCode::kInvalidArgument), "");
}

TEST(Methods, AreFoundEachOnce) {
  const auto names = [](const std::vector<std::string>& asked) {
    const auto found = find_methods(asked);
    EXPECT_TRUE(found);
    std::vector<std::string_view> names;
    for (const Method& method : *found) names.push_back(method.name);
    return names;
  };
  EXPECT_THAT(names({"LayerCAM", "gradcam", "layercam"}),
              ::testing::ElementsAre("layercam", "gradcam"));
  const std::vector<std::string_view> all = names({"occlusion", "all"});
  EXPECT_EQ(all.size(), methods().size());
  EXPECT_EQ(all.front(), "occlusion");
  const std::vector<std::string> unknown = {"gradcam", "nocam"};
  EXPECT_NE(error_message(find_methods(unknown), ErrorCode::kInvalidArgument), "");
}

TEST(Methods, AreFoundAsPapersAndOtherProgramsWriteThem) {
  for (const auto& [written, name] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"GradCAM", "gradcam"},
           {"Grad-CAM", "gradcam"},
           {"grad cam", "gradcam"},
           {"Grad-CAM++", "gradcam++"},
           {"HiResCAM", "hirescam"},
           {"XGrad-CAM", "xgradcam"},
           {"Element-wise", "elementwise"},
           {"EigenGradCAM", "eigengradcam"},
           {"Ablation-CAM", "ablationcam"},
           {"SCORE_CAM", "scorecam"},
           {"guided_backprop", "guided-backprop"},
           {"Guided Grad-CAM", "guided-gradcam"},
           {"gradcam_tutorial", "gradcam-tutorial"}}) {
    ASSERT_OK_AND_ASSIGN(const Method found, find_method(written));
    EXPECT_EQ(found.name, name) << written;
  }
  for (const std::string_view none : {"", "-", "gradcam+", "grad", "gradcams"}) {
    EXPECT_THAT(error_message(find_method(none), ErrorCode::kInvalidArgument),
                HasSubstr("there are gradcam, gradcam++, "))
        << none;
  }
  const std::string hostile = std::string(1 << 20, 'x') + "\x1b[31m";
  EXPECT_LT(error_message(find_method(hostile), ErrorCode::kInvalidArgument).size(), 400u);
}

/// The layers at which a method is so.
std::vector<std::size_t> layers_where(bool is_so(const Method&, std::size_t),
                                      std::string_view name) {
  const auto method = find_method(name);
  std::vector<std::size_t> found;
  for (std::size_t layer = 0; method && layer < kMapLayers; ++layer) {
    if (is_so(*method, layer)) found.push_back(layer);
  }
  return found;
}

TEST(Methods, TakeAllClassesAtOnceWhereNoGradientGoesBackForEach) {
  const std::vector<std::size_t> none, block5 = {kBlock5Conv3, kBlock5Pool};
  for (const char* name : {"gradcam", "finercam", "counterfactual", "eigencam"}) {
    EXPECT_EQ(layers_where(takes_all_at_once, name), block5) << name;
  }
  for (const char* name : {"layercam", "guided-gradcam", "guided-backprop", "ablationcam"}) {
    EXPECT_EQ(layers_where(takes_all_at_once, name), none) << name;
  }
}

TEST(Methods, TakePassesAtEveryLayerIfTheyAreSlow) {
  for (const Method& method : methods()) {
    const std::size_t layers = layers_where(takes_passes, method.name).size();
    EXPECT_EQ(layers == kMapLayers, method.is_slow) << method.name;
    EXPECT_TRUE(layers == 0 || method.plan != nullptr) << method.name;
  }
  std::vector<std::size_t> before_block5_conv3(kBlock5Conv3);
  std::iota(before_block5_conv3.begin(), before_block5_conv3.end(), std::size_t{0});
  EXPECT_EQ(layers_where(takes_passes, "ablationcam"), before_block5_conv3);
}

TEST(Counterfactual, IsGradCamOfTheNegativeGradient) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run,
                       TinyRun::forward({"tiny64.keras", "tiny64"}, default_conv_algorithm(64)));
  ASSERT_OK_AND_ASSIGN(const auto maps, explain_by(kCounterfactual, context(run), run.classes));
  ASSERT_OK_AND_ASSIGN(const Tensor alphas, run.oracle.tensor("alpha"));
  const std::size_t channels = alphas.dim(1);
  for (const std::size_t c : run.classes) {
    std::vector<float> negative;
    for (const float alpha : alphas.values().subspan(c * channels, channels)) {
      negative.push_back(-alpha);
    }
    ASSERT_OK_AND_ASSIGN(const Heatmap expected,
                         weighted_map(run.activations.block5_conv3(), negative));
    EXPECT_TRUE(close(maps[c].values, expected.values));
  }
}

/// An overflow is told of, not taken for a map without evidence.
TEST(Methods, SayThatTheNetworkOverflowed) {
  for (const Method& method : methods()) {
    if (method.cam.map == nullptr) continue;
    SCOPED_TRACE(method.name);
    ASSERT_OK_AND_ASSIGN(Tensor activation, Tensor::zeros({2, 2, 3}));
    ASSERT_OK_AND_ASSIGN(Tensor gradient, Tensor::zeros({2, 2, 3}));
    std::ranges::fill(activation.values(), 1.0f);
    std::ranges::fill(gradient.values(), 0.5f);
    Tensor& broken = method.cam.gradient == GradientUse::kNone ? activation : gradient;
    broken.data()[4] = kNaN;
    ASSERT_OK_AND_ASSIGN(const Heatmap map, method.cam.map({activation}, gradient));
    EXPECT_EQ(map.status, HeatmapStatus::kNonFinite);
  }
}

TEST(GuidedBackprop, ShowsTheColourThatCountsMost) {
  ASSERT_OK_AND_ASSIGN(
      const Tensor gradient,
      Tensor::from({1, 3, 3}, std::vector<float>{-2, 1, 1, 0, 1, -0.5f, 0, 0, -1.5f}));
  const Heatmap map = guided_backprop_map(gradient);
  EXPECT_EQ(map.maximum, 2);
  EXPECT_THAT(map.values, ::testing::ElementsAre(1, 0.5f, 0.75f));
}

TEST(GuidedBackprop, SaysThatTheNetworkOverflowed) {
  for (std::size_t colour = 0; colour < 3; ++colour) {
    ASSERT_OK_AND_ASSIGN(Tensor gradient, Tensor::zeros({1, 2, 3}));
    std::ranges::fill(gradient.values(), -0.5f);
    gradient.data()[3 + colour] = kNaN;
    const Heatmap broken = guided_backprop_map(gradient);
    EXPECT_EQ(broken.status, HeatmapStatus::kNonFinite) << colour;
    const Heatmap sound = map_of(1, 2, {1, 0.5f});
    EXPECT_EQ(guided_grad_cam_map(broken, sound).status, HeatmapStatus::kNonFinite);
    EXPECT_EQ(guided_grad_cam_map(sound, broken).status, HeatmapStatus::kNonFinite);
  }
}

TEST(GuidedMaps, ShowEdgesThatAreFaint) {
  std::vector<float> values(200);  // two of which are far above the others
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 2000;
  values[7] = 1;
  values[3] = (1 + values[199]) / 2;
  const Heatmap map = with_visible_edges(map_of(10, 20, values));
  EXPECT_EQ(map.maximum, map_of(10, 20, values).maximum);
  EXPECT_EQ(map.values[7], 1);
  EXPECT_NEAR(map.values[3], 0.95, 1e-6);
  EXPECT_NEAR(map.values[199], 0.9, 1e-6);
  EXPECT_NEAR(map.values[100], 0.9 * 100 / 199, 1e-6);
  EXPECT_EQ(map.values[0], 0);
  const auto order = [](std::span<const float> all) {
    std::vector<std::size_t> list(all.size());
    std::iota(list.begin(), list.end(), 0);
    std::ranges::sort(list, {}, [&](std::size_t i) { return all[i]; });
    return list;
  };
  EXPECT_EQ(order(map.values), order(values));
}

TEST(GuidedMaps, StayAsTheyAreWhereEdgesAreSeen) {
  std::vector<float> values(400);
  for (const float rest : {0.0f, 0.95f}) {
    std::ranges::fill(values, rest);
    values[9] = 1;
    EXPECT_EQ(with_visible_edges(map_of(20, 20, values)).values, values);
  }
}

TEST(Methods, HaveNoMapsOfNothing) {
  for (const Method& method : methods()) {
    if (method.cam.map == nullptr) continue;
    SCOPED_TRACE(method.name);
    for (const bool principal_component : {false, true}) {
      const Tensor none;
      const auto expect_refused = [&](const Tensor& activation, const Tensor& gradient) {
        const LayerView layer{activation, principal_component};
        EXPECT_NE(error_message(method.cam.map(layer, gradient), ErrorCode::kInvalidArgument), "");
      };
      expect_refused(none, none);
      ASSERT_OK_AND_ASSIGN(const Tensor no_channels, Tensor::zeros({2, 2, 0}));
      expect_refused(no_channels, no_channels);
      if (method.cam.gradient == GradientUse::kNone) continue;
      ASSERT_OK_AND_ASSIGN(const Tensor activation, Tensor::zeros({2, 2, 3}));
      expect_refused(activation, none);
    }
  }
}

}  // namespace
}  // namespace gradcam::testing
