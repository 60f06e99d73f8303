#include "gradcam/vgg16/member.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gradcam/explain/explain.h"
#include "gradcam/explain/grad_cam.h"
#include "gradcam/explain/together.h"
#include "gradcam/image/preprocess.h"
#include "support/backward.h"
#include "support/compare.h"
#include "support/members.h"
#include "support/random.h"
#include "support/result.h"
#include "support/slow.h"
#include "support/tensor_file.h"
#include "support/tiny_vgg16.h"

namespace gradcam::testing {
namespace {

/// What the same network may differ by when its sums are taken in another order.
constexpr double kRounding = 2e-5;

std::vector<std::size_t> all_classes(const Vgg16& model) {
  std::vector<std::size_t> classes(model.classes());
  std::iota(classes.begin(), classes.end(), std::size_t{0});
  return classes;
}

/// The fixture with inputs of another size; its fc1 fits sizes up to 31 pixels more.
Result<std::vector<std::uint8_t>> with_size(const std::string& name, int size) {
  GRADCAM_TRY(TensorFile file, TensorFile::read(oracle_fixture(name)));
  Preprocess preprocess;
  preprocess.size = preprocess.crop = preprocess.shorter_side = size;
  file.metadata["preprocess"] = to_json(preprocess);
  return file.serialize();
}

class TinyMembers : public ::testing::TestWithParam<std::tuple<TinyModel, ConvAlgorithm>> {};

TEST_P(TinyMembers, AgreeWithPyTorchForEveryNumberOfThem) {
  const auto [tiny, algorithm] = GetParam();
  ASSERT_OK_AND_ASSIGN(const TensorFile oracle,
                       TensorFile::read(oracle_fixture(tiny.expected + std::string(".expected"))));
  ASSERT_OK_AND_ASSIGN(const Tensor input, oracle.tensor("input"));
  ASSERT_OK_AND_ASSIGN(const Tensor logits, oracle.tensor("logits"));
  ASSERT_OK_AND_ASSIGN(const Tensor maps, oracle.tensor("map"));
  ASSERT_OK_AND_ASSIGN(const Tensor maxima, oracle.tensor("map_maximum"));
  ASSERT_OK_AND_ASSIGN(const auto bytes, read_tiny(tiny.file));
  for (std::size_t count = 1; count <= kMaxMembers; ++count) {
    SCOPED_TRACE(std::to_string(count) + " members");
    ASSERT_OK_AND_ASSIGN(Members all, Members::load(bytes, count, algorithm));
    ASSERT_OK(all.forward(input));
    for (const Member& member : all.members) {
      EXPECT_TRUE(close(member.activations().logits.values(), logits.values()));
    }
    const Member& first = all.members.front();
    const auto classes = all_classes(first.model());
    ASSERT_OK_AND_ASSIGN(const auto actual, all.explain(input, classes));
    ASSERT_EQ(actual.size(), classes.size());
    const std::size_t cells = maps.dim(1) * maps.dim(2);
    for (const std::size_t c : classes) {
      SCOPED_TRACE("class " + std::to_string(c));
      EXPECT_TRUE(close(actual[c].values, maps.values().subspan(c * cells, cells)));
      // Of tiny_int8 a maximum of 8e-4 is what is left of activations of 1: a little is rounding.
      EXPECT_TRUE(close({&actual[c].maximum, 1}, maxima.values().subspan(c, 1), 2e-4));
    }
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(All, TinyMembers,
                         ::testing::Combine(::testing::ValuesIn(kTinyModels),
                                            ::testing::ValuesIn(conv_algorithms().begin(),
                                                                conv_algorithms().end())),
                         tiny_test_name);

/// Inputs whose strips are of unequal height, and whose last rows and columns pooling drops.
class MemberSize : public ::testing::TestWithParam<int> {};

TEST_P(MemberSize, AgreesWithASingleModel) {
  const int size = GetParam();
  const char* name = size < 64 ? "tiny32.keras" : size < 96 ? "tiny64.keras" : "tiny96.keras";
  ASSERT_OK_AND_ASSIGN(const auto bytes, with_size(name, size));
  const auto side = static_cast<std::size_t>(size);
  RandomFloats random(side);
  ASSERT_OK_AND_ASSIGN(const Tensor input,
                       Tensor::from({side, side, 3}, random.uniform(side * side * 3, 2)));
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_vgg16(bytes));
  ASSERT_OK_AND_ASSIGN(Activations activations, model.make_activations());
  ASSERT_OK(model.forward(input, activations));
  const auto classes = all_classes(model);
  ASSERT_OK_AND_ASSIGN(const auto maps, grad_cam(model, activations, classes));
  for (std::size_t count = 1; count <= kMaxMembers; ++count) {
    SCOPED_TRACE(std::to_string(count) + " members");
    ASSERT_OK_AND_ASSIGN(Members all, Members::load(bytes, count));
    ASSERT_OK(all.forward(input));
    for (const Member& member : all.members) {
      const Activations& a = member.activations();
      EXPECT_TRUE(close(a.conv[kStripLayers - 1].values(),
                        activations.conv[kStripLayers - 1].values(), kRounding));
      EXPECT_TRUE(close(a.block5_pool.values(), activations.block5_pool.values(), kRounding));
      EXPECT_TRUE(close(a.fc1.values(), activations.fc1.values(), kRounding));
      EXPECT_TRUE(close(a.fc2.values(), activations.fc2.values(), kRounding));
      EXPECT_TRUE(close(a.logits.values(), activations.logits.values(), kRounding));
    }
    ASSERT_OK_AND_ASSIGN(const auto actual, all.explain(input, classes));
    ASSERT_EQ(actual.size(), maps.size());
    for (const std::size_t c : classes) {
      EXPECT_EQ(actual[c].status, maps[c].status);
      EXPECT_TRUE(close(actual[c].values, maps[c].values, 10 * kRounding));
    }
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(All, MemberSize,
                         ::testing::Values(32, 33, 41, 63, 64, 71, 88, 95, 96, 103),
                         ::testing::PrintToStringParamName());

/// Every method at every layer: what members say together is what one model says. Of an input's
/// size, and of every second number of members from the given one on; sanitizers look at every
/// other layer.
class MemberMethods : public ::testing::TestWithParam<std::pair<int, std::size_t>> {};

TEST_P(MemberMethods, AgreeWithASingleModel) {
  const auto [size, first_count] = GetParam();
  const char* name = size < 64 ? "tiny32.keras" : "tiny64.keras";
  ASSERT_OK_AND_ASSIGN(const auto bytes, with_size(name, size));
  const auto side = static_cast<std::size_t>(size);
  // An input with which no gradient hangs on the rounding of an activation next to 0.
  RandomFloats random(4000 + side);
  ASSERT_OK_AND_ASSIGN(const Tensor input,
                       Tensor::from({side, side, 3}, random.uniform(side * side * 3, 2)));
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_vgg16(bytes));
  ASSERT_OK_AND_ASSIGN(Activations activations, model.make_activations());
  ASSERT_OK(model.forward(input, activations));
  const std::array<std::size_t, 4> classes = {2, 0, 1, 2};  // as many as are multiplied in tiles
  // FinerCAM's gradients are small differences of nearly equal ones.
  constexpr double kTolerance = 5e-4;
  // A maximum may be what is left of terms that cancel out, a thousand times as large.
  constexpr double kOfMaximum = 2e-3;
  // Ablation-CAM's weights are differences of logits, each with the rounding of the whole network.
  constexpr double kOfLogits = 5;
  // Faint edges are made stronger, and their rounding with them.
  constexpr double kOfEdges = 5;
  struct Expected {
    const Method& method;
    std::size_t layer;
    std::vector<Heatmap> maps;
  };
  constexpr std::size_t kLayerStep = kIsSlow ? 2 : 1;
  std::vector<Expected> all_expected;
  for (const Method& method : methods()) {
    for (std::size_t layer = 0; layer < kMapLayers; ++layer) {
      if (!method.has_layer && layer != kBlock5Conv3) continue;
      if (layer % kLayerStep != side % kLayerStep && layer != kBlock5Conv3) continue;
      ASSERT_OK_AND_ASSIGN(auto maps, explain(model, input, activations, classes, method,
                                              {.layers = {layer}, .channels = 3}));
      all_expected.push_back({method, layer, std::move(maps)});
    }
  }
  std::vector<std::size_t> counts = {0};  // that is one which saves memory
  constexpr std::size_t kStep = kIsSlow ? 4 : 2;
  for (std::size_t count = first_count; count <= kMaxMembers; count += kStep) {
    counts.push_back(count);
  }
  for (const std::size_t count : counts) {
    ASSERT_OK_AND_ASSIGN(Members all,
                         count == 0 ? Members::load_frugal(bytes) : Members::load(bytes, count));
    // What maps take is kept, or computed again.
    for (const Outlook& outlook : {Outlook{}, Outlook{.layer = 0, .ablation = true}}) {
      ASSERT_OK(all.forward(input, outlook));
      for (const auto& [method, layer, expected] : all_expected) {
        SCOPED_TRACE(std::string(method.name) + " at " + std::string(map_layer_name(layer)) + ", " +
                     (count == 0 ? "saving memory" : std::to_string(count) + " members"));
        ASSERT_OK_AND_ASSIGN(const auto actual, all.explain(input, classes, method, layer));
        ASSERT_EQ(actual.size(), expected.size());
        for (std::size_t i = 0; i < classes.size(); ++i) {
          EXPECT_EQ(actual[i].rows, expected[i].rows);
          EXPECT_EQ(actual[i].cols, expected[i].cols);
          EXPECT_EQ(actual[i].status, expected[i].status);
          const double more = method.name == "ablationcam" ? kOfLogits
                              : method.is_guided           ? kOfEdges
                                                           : 1;
          EXPECT_TRUE(close(actual[i].values, expected[i].values, more * kTolerance));
          EXPECT_TRUE(close({&actual[i].maximum, 1}, {&expected[i].maximum, 1}, more * kOfMaximum));
        }
        if (HasFailure()) return;
        if (takes_passes(method, layer)) {
          ASSERT_OK(all.forward(input, outlook));
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, MemberMethods,
                         ::testing::Values(std::pair(32, 2), std::pair(41, 1), std::pair(64, 1),
                                           std::pair(71, 2), std::pair(95, 1)),
                         [](const auto& info) { return std::to_string(info.param.first); });

class MemberTest : public Tiny64 {};

TEST_F(MemberTest, RunsAgainAfterBeingCutShort) {
  ASSERT_OK_AND_ASSIGN(Members all, Members::load(bytes_, 3));
  ASSERT_OK(all.forward(input_));
  const auto logits = all.members[2].activations().logits.clone();
  // Some members are ahead of others when everybody is told to begin again.
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_OK(all.members[i].begin_forward(i == 0 ? &input_ : nullptr));
  }
  for (int i = 0; i < 4; ++i) {
    ASSERT_OK(all.members[0].step());
  }
  EXPECT_EQ(all.members[0].progress(), Progress::kWaiting);
  // They have been sent some, and not taken them.
  for (Message& message : all.members[0].take_messages()) {
    ASSERT_OK(all.members[message.member].receive(0, std::move(message.values)));
  }
  ASSERT_OK_AND_ASSIGN(Tensor other, input_.clone());
  for (float& value : other.values()) value = -value;
  ASSERT_OK(all.forward(other));
  EXPECT_FALSE(std::ranges::equal(all.members[2].activations().logits.values(), logits->values()));
  ASSERT_OK(all.forward(input_));
  EXPECT_TRUE(std::ranges::equal(all.members[2].activations().logits.values(), logits->values()));
}

/// What was kept for maps of the photo before is not that of the next one.
TEST_F(MemberTest, MapsAreOfTheLastInput) {
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_vgg16(bytes_));
  ASSERT_OK_AND_ASSIGN(Activations fresh, model.make_activations());
  ASSERT_OK(model.forward(input_, fresh));
  ASSERT_OK_AND_ASSIGN(Tensor before, input_.clone());
  for (float& value : before.values()) value = -value;
  const std::array<std::size_t, 1> classes = {3};
  constexpr std::size_t kBlock2Conv2 = 3;
  const Method& method = methods().front();
  ASSERT_OK_AND_ASSIGN(const auto expected,
                       explain(model, input_, fresh, classes, method, {.layers = {kBlock2Conv2}}));

  ASSERT_OK_AND_ASSIGN(Activations activations, model.make_activations());
  ASSERT_OK(model.forward(before, activations));
  ASSERT_OK(model.complete(activations, 0));
  ASSERT_OK(model.forward(input_, activations));
  ASSERT_OK_AND_ASSIGN(const auto actual, explain(model, input_, activations, classes, method,
                                                  {.layers = {kBlock2Conv2}}));
  EXPECT_EQ(actual[0].values, expected[0].values);

  for (const std::size_t count : {1, 3}) {
    ASSERT_OK_AND_ASSIGN(Members all, Members::load(bytes_, count));
    ASSERT_OK(all.forward(before, {.layer = 0, .ablation = true}));
    ASSERT_OK(all.forward(input_));
    ASSERT_OK_AND_ASSIGN(const auto maps, all.explain(input_, classes, method, kBlock2Conv2));
    EXPECT_TRUE(close(maps[0].values, expected[0].values, 10 * kRounding)) << count;
  }
}

TEST_F(MemberTest, ExplainsOnlyWhatIsClassified) {
  ASSERT_OK_AND_ASSIGN(Members all, Members::load(bytes_, 2));
  const std::array<std::size_t, 2> classes = {0, 3};
  EXPECT_NE(error_message(all.explain(input_, classes), ErrorCode::kInvalidArgument), "");
  ASSERT_OK(all.forward(input_));
  ASSERT_OK(all.explain(input_, classes));
  ASSERT_OK(all.explain(input_, std::span(classes).first(1)));
  const std::array<std::size_t, 1> none = {15};
  const std::string message = error_message(all.explain(input_, none), ErrorCode::kInvalidArgument);
  EXPECT_NE(message.find("15 classes"), std::string::npos) << message;
  ASSERT_OK(all.members[0].begin_forward(&input_));
  EXPECT_NE(error_message(all.explain(input_, classes), ErrorCode::kInvalidArgument), "");
}

TEST_F(MemberTest, RefusesInputsAndMessagesThatDoNotFit) {
  ASSERT_OK_AND_ASSIGN(Members all, Members::load(bytes_, 2));
  EXPECT_NE(error_message(all.members[0].begin_forward(nullptr), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(all.members[1].begin_forward(&input_), ErrorCode::kInvalidArgument), "");
  ASSERT_OK_AND_ASSIGN(const Tensor small, Tensor::zeros({64, 63, 3}));
  EXPECT_NE(error_message(all.members[0].begin_forward(&small), ErrorCode::kInvalidArgument), "");

  ASSERT_OK(all.members[1].begin_forward(nullptr));
  EXPECT_EQ(all.members[1].progress(), Progress::kWaiting);
  for (const std::size_t from : {1, 2}) {
    ASSERT_OK_AND_ASSIGN(Tensor values, Tensor::zeros({5}));
    EXPECT_NE(
        error_message(all.members[1].receive(from, std::move(values)), ErrorCode::kInvalidArgument),
        "");
  }
  ASSERT_OK_AND_ASSIGN(Tensor values, Tensor::zeros({5}));
  ASSERT_OK(all.members[1].receive(0, std::move(values)));
  const std::string message = error_message(all.members[1].step(), ErrorCode::kInvalidArgument);
  EXPECT_NE(message.find("wrong size"), std::string::npos) << message;
  EXPECT_EQ(all.members[1].progress(), Progress::kDone);
  ASSERT_OK(all.forward(input_));
}

/// Not an answer of probabilities that are no numbers.
TEST_F(MemberTest, LogitsBeyondFloat32AreAnError) {
  ASSERT_OK_AND_ASSIGN(TensorFile file, TensorFile::read(oracle_fixture("tiny64.keras")));
  for (const auto& [name, value] :
       {std::pair("fc2.bias", 3e38f), std::pair("predictions.weight", 4.0f)}) {
    const auto bytes = std::bit_cast<std::array<std::uint8_t, sizeof(float)>>(value);
    std::vector<std::uint8_t>& all = file.find(name)->bytes;
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = bytes[i % sizeof(float)];
  }
  ASSERT_OK_AND_ASSIGN(const auto bytes, file.serialize());
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_vgg16(bytes));
  ASSERT_OK_AND_ASSIGN(Activations activations, model.make_activations());
  EXPECT_NE(error_message(model.forward(input_, activations), ErrorCode::kCorruptModel), "");
  for (const std::size_t count : {1, 3}) {
    ASSERT_OK_AND_ASSIGN(Members all, Members::load(bytes, count));
    EXPECT_NE(error_message(all.forward(input_), ErrorCode::kCorruptModel), "");
  }
}

TEST_F(MemberTest, WithAPartOfTheWeightsDoesNothingAlone) {
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_vgg16(bytes_, {.share = {1, 2}}));
  EXPECT_EQ(model.share(), (Share{1, 2}));
  EXPECT_EQ(model.classes(), 15u);
  ASSERT_OK_AND_ASSIGN(Activations activations, model.make_activations());
  const std::array<std::size_t, 1> classes = {0};
  EXPECT_NE(error_message(model.forward(input_, activations), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(
      error_message(backward_to_fc1(model, activations, classes), ErrorCode::kInvalidArgument), "");
  const Tensor& fc1 = activations.fc1;
  EXPECT_NE(error_message(model.backward_to_block5_pool(fc1), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(model.backward_to_block5_pool_sums(fc1), ErrorCode::kInvalidArgument),
            "");
}

TEST_F(MemberTest, LoadsOnlyItsShare) {
  EXPECT_NE(error_message(load_vgg16(bytes_, {.share = {2, 2}}), ErrorCode::kInvalidArgument), "");
  ASSERT_OK_AND_ASSIGN(const SafetensorsHeader header,
                       parse_safetensors_header(bytes_, bytes_.size()));
  for (std::size_t tensor = 0; tensor < header.tensors.size(); ++tensor) {
    const TensorInfo& info = header.tensors[tensor];
    SCOPED_TRACE(info.name);
    const bool is_everybodys =
        info.name < std::string("block4") || info.name.starts_with("predictions");
    std::uint64_t end = header.data_offset + info.begin;
    for (std::size_t member = 0; member < 3; ++member) {
      ASSERT_OK_AND_ASSIGN(const Vgg16Loader loader,
                           Vgg16Loader::begin(header, {.share = {member, 3}}));
      const FileRange range = loader.wanted(tensor);
      if (is_everybodys) {
        EXPECT_EQ(range.begin, header.data_offset + info.begin);
        EXPECT_EQ(range.end, header.data_offset + info.end);
      } else {
        EXPECT_EQ(range.begin, end);
        EXPECT_LT(range.end - range.begin, (info.end - info.begin) * 2 / 3);
        end = range.end;
      }
    }
    if (!is_everybodys) {
      EXPECT_EQ(end, header.data_offset + info.end);
    }
  }
}

TEST_F(MemberTest, ExplainsNoLayerThatIsNot) {
  ASSERT_OK_AND_ASSIGN(Members all, Members::load(bytes_, 1));
  const std::array<std::size_t, 1> classes = {3};
  for (const Method& method : methods()) {
    SCOPED_TRACE(method.name);
    if (!method.has_layer) continue;
    ASSERT_OK(all.forward(input_));
    for (const std::size_t layer : {kInput, kInput + 1}) {
      EXPECT_NE(
          error_message(all.explain(input_, classes, method, layer), ErrorCode::kInvalidArgument),
          "");
    }
  }
}

/// What was gathered for one map is none of another's.
TEST_F(MemberTest, PlansOnlyWhatWasBegun) {
  ASSERT_OK_AND_ASSIGN(Members all, Members::load(bytes_, 1));
  Member& member = all.members.front();
  const std::array<std::size_t, 2> classes = {0, 3};
  const std::array<std::size_t, 2> others = {0, 4};
  for (const Method& begun : methods()) {
    ASSERT_OK(all.forward(input_));
    ASSERT_OK(begin_together(member, begun, classes, kBlock5Conv3));
    ASSERT_OK(all.run());
    const auto expect_refused = [&](const Method& method, std::span<const std::size_t> of,
                                    std::size_t layer) {
      EXPECT_NE(error_message(plan_together(member, input_, method, of, layer),
                              ErrorCode::kInvalidArgument),
                "")
          << begun.name << ", " << method.name;
    };
    const bool is_of_classes = begun.cam.gradient != GradientUse::kNone && begun.plan == nullptr;
    if (is_of_classes) expect_refused(begun, others, kBlock5Conv3);
    if (is_of_classes) expect_refused(begun, std::span(classes).first(1), kBlock5Conv3);
    if (begun.has_layer) expect_refused(begun, classes, kBlock5Pool);
    if (begun.has_layer) expect_refused(begun, classes, kInput);
    for (const Method& method : methods()) {
      // Of others the very same is gathered.
      const bool is_other_kind =
          method.cam.map_of_sum != begun.cam.map_of_sum ||
          method.cam.gradient != begun.cam.gradient || method.is_guided != begun.is_guided ||
          (method.ablation_maps == nullptr) != (begun.ablation_maps == nullptr);
      const auto takes_map_alone = [](const Method& of) {
        return of.cam.gradient == GradientUse::kNone || of.is_slow;
      };
      if (!is_other_kind || (takes_map_alone(method) && takes_map_alone(begun))) continue;
      if (method.cam.scores != begun.cam.scores) expect_refused(method, classes, kBlock5Conv3);
    }
    ASSERT_OK_AND_ASSIGN(const MapPlan plan,
                         plan_together(member, input_, begun, classes, kBlock5Conv3));
  }
}

}  // namespace
}  // namespace gradcam::testing
