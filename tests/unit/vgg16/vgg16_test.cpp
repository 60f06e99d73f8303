#include "gradcam/vgg16/vgg16.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "gradcam/explain/cam.h"
#include "gradcam/explain/methods.h"
#include "gradcam/vgg16/head.h"
#include "gradcam/vgg16/loader.h"
#include "support/backward.h"
#include "support/compare.h"
#include "support/result.h"
#include "support/tensor_file.h"
#include "support/tiny_vgg16.h"
#include "support/values.h"

namespace gradcam::testing {
namespace {

class TinyVgg16 : public ::testing::TestWithParam<std::tuple<TinyModel, ConvAlgorithm>> {
 protected:
  static Result<TinyRun> run() {
    return TinyRun::forward(std::get<TinyModel>(GetParam()), std::get<ConvAlgorithm>(GetParam()));
  }
};

TEST_P(TinyVgg16, ForwardAgreesWithPyTorch) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, TinyVgg16::run());
  const Activations& a = run.activations;
  std::vector<std::pair<std::string, const Tensor*>> layers;
  for (std::size_t i = 0; i < kConvLayers; ++i) {
    layers.emplace_back(run.model.info().layers[i].name, &a.conv[i]);
  }
  layers.insert(
      layers.end(),
      {{"block5_pool", &a.block5_pool}, {"fc1", &a.fc1}, {"fc2", &a.fc2}, {"logits", &a.logits}});
  std::size_t compared = 0;
  for (const auto& [name, actual] : layers) {
    if (run.oracle.find(name) == nullptr) continue;  // small fixtures hold only the last ones
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(const Tensor expected, run.oracle.tensor(name));
    EXPECT_EQ(actual->shape(), expected.shape());
    EXPECT_TRUE(close(actual->values(), expected.values()));
    ++compared;
  }
  EXPECT_TRUE(compared == layers.size() || compared == 2) << compared;
}

TEST_P(TinyVgg16, BackwardAgreesWithPyTorchForEveryClass) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, TinyVgg16::run());
  ASSERT_OK_AND_ASSIGN(const Tensor fc1, run.oracle.tensor("gradient/fc1"));
  ASSERT_OK_AND_ASSIGN(const Tensor pool, run.oracle.tensor("gradient/block5_pool"));
  ASSERT_OK_AND_ASSIGN(const Tensor conv3, run.oracle.tensor("gradient/block5_conv3"));

  ASSERT_OK_AND_ASSIGN(const Tensor to_fc1,
                       backward_to_fc1(run.model, run.activations, run.classes));
  EXPECT_EQ(to_fc1.shape(), fc1.shape());
  EXPECT_TRUE(close(to_fc1.values(), fc1.values()));

  ASSERT_OK_AND_ASSIGN(const Tensor to_pool, run.model.backward_to_block5_pool(to_fc1));
  EXPECT_EQ(to_pool.shape(), pool.shape());
  EXPECT_TRUE(close(to_pool.values(), pool.values()));

  const Shape one = {pool.dim(1), pool.dim(2), pool.dim(3)};
  const std::size_t pool_size = pool.size() / pool.dim(0);
  const std::size_t conv3_size = conv3.size() / conv3.dim(0);
  for (const std::size_t c : run.classes) {
    SCOPED_TRACE("class " + std::to_string(c));
    ASSERT_OK_AND_ASSIGN(const Tensor gradient,
                         Tensor::from(one, to_pool.values().subspan(c * pool_size, pool_size)));
    ASSERT_OK_AND_ASSIGN(const Tensor to_conv3,
                         run.model.backward_to_layer(run.activations, gradient, kBlock5Conv3));
    EXPECT_EQ(to_conv3.shape(), (Shape{conv3.dim(1), conv3.dim(2), conv3.dim(3)}));
    EXPECT_TRUE(close(to_conv3.values(), conv3.values().subspan(c * conv3_size, conv3_size)));
  }
}

TEST_P(TinyVgg16, GivesTheSameForClassesInAnyOrder) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, TinyVgg16::run());
  ASSERT_OK_AND_ASSIGN(const Tensor all, backward_to_fc1(run.model, run.activations, run.classes));
  const std::array<std::size_t, 3> some = {run.model.classes() - 1, 0, run.model.classes() - 1};
  ASSERT_OK_AND_ASSIGN(const Tensor rows, backward_to_fc1(run.model, run.activations, some));
  const std::size_t width = all.dim(1);
  for (std::size_t i = 0; i < some.size(); ++i) {
    EXPECT_TRUE(close(rows.values().subspan(i * width, width),
                      all.values().subspan(some[i] * width, width), 1e-6));
  }
}

INSTANTIATE_TEST_SUITE_P(All, TinyVgg16,
                         ::testing::Combine(::testing::ValuesIn(kTinyModels),
                                            ::testing::ValuesIn(conv_algorithms().begin(),
                                                                conv_algorithms().end())),
                         tiny_test_name);

class Vgg16Test : public ::testing::Test {
 protected:
  static Result<TinyRun> run() {
    return TinyRun::forward({"tiny64.keras", "tiny64"}, ConvAlgorithm::kReference);
  }
};

TEST_F(Vgg16Test, SaysWhatItIs) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, Vgg16Test::run());
  const ModelInfo& info = run.model.info();
  EXPECT_EQ(run.model.classes(), 15u);
  ASSERT_EQ(info.metadata.labels.size(), 15u);
  EXPECT_EQ(info.metadata.labels[3], "tiny64 class 3");
  EXPECT_EQ(info.metadata.license, "CC0-1.0");
  EXPECT_EQ(info.preprocess.size, 64);
  ASSERT_EQ(info.layers.size(), 16u);
  EXPECT_EQ(info.layers[1].name, "block1_conv2");
  EXPECT_EQ(info.layers[1].weight, (Shape{5, 3, 3, 4}));
  EXPECT_EQ(info.layers[1].output, (Shape{64, 64, 5}));
  EXPECT_EQ(info.layers[1].algorithm, "reference");
  EXPECT_EQ(info.layers[12].output, (Shape{4, 4, 19}));
  EXPECT_EQ(info.layers[13].name, "fc1");
  EXPECT_EQ(info.layers[13].weight, (Shape{33, 76}));
  EXPECT_EQ(info.layers[15].output, (Shape{15}));
  ASSERT_OK_AND_ASSIGN(const TensorFile file, TensorFile::read(oracle_fixture("tiny64.keras")));
  std::size_t parameters = 0;
  for (const auto& entry : file.entries) parameters += entry.bytes.size() / sizeof(float);
  EXPECT_EQ(info.parameters, parameters);
}

TEST_F(Vgg16Test, RanksItsPredictions) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, Vgg16Test::run());
  ASSERT_OK_AND_ASSIGN(const Tensor expected, run.oracle.tensor("probabilities"));
  const auto predictions = run.model.predictions(run.activations);
  ASSERT_EQ(predictions.size(), 15u);
  std::vector<bool> seen(15);
  std::vector<float> probabilities(15);
  for (const Prediction& p : predictions) {
    ASSERT_LT(p.index, 15u);
    EXPECT_FALSE(seen[p.index]) << p.index;
    seen[p.index] = true;
    probabilities[p.index] = p.probability;
    EXPECT_EQ(p.logit, run.activations.logits.data()[p.index]);
  }
  EXPECT_TRUE(close(probabilities, expected.values()));
  EXPECT_TRUE(
      std::ranges::is_sorted(predictions, std::ranges::greater{}, &Prediction::probability));
}

TEST_F(Vgg16Test, LeavesNothingBehindInItsActivations) {
  ASSERT_OK_AND_ASSIGN(TinyRun run, Vgg16Test::run());
  ASSERT_OK_AND_ASSIGN(const Tensor before, run.activations.logits.clone());
  ASSERT_OK_AND_ASSIGN(const Tensor input, run.oracle.tensor("input"));
  ASSERT_OK_AND_ASSIGN(Tensor other, input.clone());
  for (float& value : other.values()) value = -3 * value;
  ASSERT_OK(run.model.forward(other, run.activations));
  EXPECT_FALSE(std::ranges::equal(run.activations.logits.values(), before.values()));
  ASSERT_OK(run.model.forward(input, run.activations));
  EXPECT_TRUE(std::ranges::equal(run.activations.logits.values(), before.values()));
}

#if !defined(__wasm__)  // which has no threads
TEST_F(Vgg16Test, ServesSeveralThreads) {
  ASSERT_OK_AND_ASSIGN(const TensorFile file, TensorFile::read(oracle_fixture("tiny64.keras")));
  ASSERT_OK_AND_ASSIGN(const TensorFile oracle,
                       TensorFile::read(oracle_fixture("tiny64.expected")));
  ASSERT_OK_AND_ASSIGN(const auto bytes, file.serialize());
  ASSERT_OK_AND_ASSIGN(const Tensor input, oracle.tensor("input"));
  ASSERT_OK_AND_ASSIGN(const Tensor expected, oracle.tensor("logits"));
  for (const ConvAlgorithm algorithm : conv_algorithms()) {
    SCOPED_TRACE(conv_algorithm_name(algorithm));
    ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_vgg16(bytes, {.convolution = algorithm}));
    std::array<Activations, 3> activations;
    for (Activations& each : activations) {
      ASSERT_OK_AND_ASSIGN(each, model.make_activations());
    }
    {
      std::vector<std::jthread> threads;
      for (Activations& each : activations) {
        threads.emplace_back([&model, &input, &each] {
          for (int i = 0; i < 5; ++i) {
            std::ranges::fill(each.logits.values(), 0.0f);
            if (!model.forward(input, each)) return;
          }
        });
      }
    }
    for (const Activations& each : activations) {
      EXPECT_TRUE(close(each.logits.values(), expected.values()));
    }
  }
}
#endif

TEST_F(Vgg16Test, RefusesInputsAndClassesThatDoNotFit) {
  ASSERT_OK_AND_ASSIGN(TinyRun run, Vgg16Test::run());
  for (const Shape& shape : {Shape{64, 63, 3}, Shape{64, 64, 4}, Shape{12288}}) {
    ASSERT_OK_AND_ASSIGN(const Tensor input, Tensor::zeros(shape));
    EXPECT_NE(error_message(run.model.forward(input, run.activations), ErrorCode::kInvalidArgument),
              "");
  }
  const std::array<std::size_t, 2> classes = {0, 15};
  const std::string message = error_message(backward_to_fc1(run.model, run.activations, classes),
                                            ErrorCode::kInvalidArgument);
  EXPECT_NE(message.find("class 15"), std::string::npos) << message;
}

TEST_F(Vgg16Test, RefusesActivationsOfAnotherModelOrHead) {
  ASSERT_OK_AND_ASSIGN(TinyRun run, Vgg16Test::run());
  ASSERT_OK_AND_ASSIGN(const TinyRun other,
                       TinyRun::forward({"tiny32.keras", "tiny32"}, ConvAlgorithm::kReference));
  Head head{.base = run.model.info().fingerprint, .metadata = {}, .weight = {}, .bias = {}};
  ASSERT_OK_AND_ASSIGN(head.weight, Tensor::zeros({17, run.model.fc2().outputs()}));
  ASSERT_OK_AND_ASSIGN(head.bias, Tensor::zeros({17}));
  for (int i = 0; i < 17; ++i) head.metadata.labels.push_back(std::to_string(i));
  const Activations empty;
  const auto expect_refusals = [&](const Activations& wrong) {
    const std::array<std::size_t, 1> classes = {0};
    EXPECT_NE(error_message(run.model.check_activations(wrong), ErrorCode::kInvalidArgument), "");
    EXPECT_NE(
        error_message(backward_to_fc1(run.model, wrong, classes), ErrorCode::kInvalidArgument), "");
    EXPECT_NE(error_message(run.model.drops_without_channels(wrong, classes, classes),
                            ErrorCode::kInvalidArgument),
              "");
    for (const Method& method : methods()) {
      if (method.cam.map == nullptr) continue;
      const ExplainContext context{.model = run.model, .activations = wrong};
      EXPECT_NE(
          error_message(explain_by(method.cam, context, classes), ErrorCode::kInvalidArgument), "")
          << method.name;
    }
    EXPECT_TRUE(run.model.predictions(wrong).empty());
    EXPECT_EQ(run.model.others_probability(wrong), 0);
  };
  expect_refusals(empty);
  expect_refusals(other.activations);
  ASSERT_OK(run.model.check_activations(run.activations));
  ASSERT_OK(run.model.use_head(&head));
  expect_refusals(run.activations);
}

TEST_F(Vgg16Test, DoesNothingAloneThatTakesAllOfTheWeights) {
  ASSERT_OK_AND_ASSIGN(TinyRun run, Vgg16Test::run());
  ASSERT_OK_AND_ASSIGN(const std::vector<std::uint8_t> file, read_tiny("tiny64.keras"));
  ASSERT_OK_AND_ASSIGN(const Tensor input, Tensor::zeros({64, 64, 3}));
  const std::array<std::size_t, 1> first = {0};
  ASSERT_OK_AND_ASSIGN(const Tensor seeds, run.model.class_seeds(first));
  ASSERT_OK_AND_ASSIGN(const Tensor fc1, run.model.backward_to_fc1(run.activations, seeds));
  ASSERT_OK_AND_ASSIGN(const Tensor pool, run.model.backward_to_block5_pool(fc1));
  const std::pair<LoadOptions, const char*> parts[] = {{{.share = {1, 2}}, "member 1 of 2"},
                                                       {{.leave_fc1 = true}, "left in the file"}};
  for (const auto& [options, reason] : parts) {
    SCOPED_TRACE(reason);
    ASSERT_OK_AND_ASSIGN(const Vgg16 part, load_vgg16(file, options));
    Activations& of = run.activations;
    const auto expect_refusal = [&](const auto& result) {
      const std::string message = error_message(result, ErrorCode::kInvalidArgument);
      EXPECT_NE(message.find(reason), std::string::npos) << message;
    };
    expect_refusal(part.forward(input, of));
    expect_refusal(part.forward_from(kBlock5Conv3, of.conv[kBlock5Conv3], of));
    expect_refusal(part.complete(of, 0));
    expect_refusal(part.check_map(of, kBlock5Conv3));
    expect_refusal(part.backward_to_fc1(of, seeds));
    expect_refusal(part.backward_to_block5_pool(fc1));
    expect_refusal(part.backward_to_block5_pool_sums(fc1));
    expect_refusal(part.backward_to_layer(of, pool, kBlock5Conv3));
    expect_refusal(part.backward_to_input(of, pool));
    expect_refusal(part.drops_without_channels(of, first, first));
  }
}

TEST_F(Vgg16Test, RefusesHeadsThatNoFileCanHave) {
  ASSERT_OK_AND_ASSIGN(TinyRun run, Vgg16Test::run());
  const auto refusal = [&](Shape weight, Shape bias, std::size_t labels, float temperature) {
    Head head{.base = run.model.info().fingerprint, .metadata = {}, .weight = {}, .bias = {}};
    if (!weight.empty()) head.weight = *Tensor::zeros(std::move(weight));
    if (!bias.empty()) head.bias = *Tensor::zeros(std::move(bias));
    head.metadata.labels.resize(labels, "x");
    head.metadata.temperature = temperature;
    return error_message(run.model.use_head(&head), ErrorCode::kInvalidArgument);
  };
  const std::size_t inputs = run.model.fc2().outputs();
  EXPECT_NE(refusal({}, {}, 0, 1), "");
  EXPECT_NE(refusal({3, inputs}, {3}, 0, 1), "");
  EXPECT_NE(refusal({3, inputs}, {3}, 100, 1), "");
  EXPECT_NE(refusal({3, inputs}, {9}, 3, 1), "");
  EXPECT_NE(refusal({3, inputs}, {3}, 3, 0), "");
  EXPECT_EQ(run.model.classes(), 15u) << "nothing is changed";
}

TEST_F(Vgg16Test, GradientIsTheSlopeOfTheLogit) {
  // Moving the bias of one channel of block5_conv3 moves its activation wherever that is positive:
  // the logit's slope is the sum of the gradient there.
  ASSERT_OK_AND_ASSIGN(const TensorFile file, TensorFile::read(oracle_fixture("tiny32.keras")));
  ASSERT_OK_AND_ASSIGN(const TinyRun run,
                       TinyRun::forward({"tiny32.keras", "tiny32"}, ConvAlgorithm::kReference));
  ASSERT_OK_AND_ASSIGN(const Tensor input, run.oracle.tensor("input"));
  ASSERT_OK_AND_ASSIGN(const Tensor bias, file.tensor("block5_conv3.bias"));
  constexpr float kStep = 0x1p-8f;
  const std::size_t channels = bias.size();

  const auto logits_with_bias = [&](std::size_t channel, float value) -> Result<Tensor> {
    TensorFile changed = file;
    auto& bytes = changed.find("block5_conv3.bias")->bytes;
    std::memcpy(bytes.data() + channel * sizeof value, &value, sizeof value);
    GRADCAM_TRY(const auto serialized, changed.serialize());
    GRADCAM_TRY(const Vgg16 model,
                load_vgg16(serialized, {.convolution = ConvAlgorithm::kReference}));
    GRADCAM_TRY(Activations activations, model.make_activations());
    GRADCAM_CHECK_OK(model.forward(input, activations));
    return std::move(activations.logits);
  };
  std::vector<float> slopes(run.model.classes() * channels);
  for (std::size_t k = 0; k < channels; ++k) {
    ASSERT_OK_AND_ASSIGN(const Tensor above, logits_with_bias(k, bias.data()[k] + kStep));
    ASSERT_OK_AND_ASSIGN(const Tensor below, logits_with_bias(k, bias.data()[k] - kStep));
    for (const std::size_t c : run.classes) {
      slopes[c * channels + k] = (above.data()[c] - below.data()[c]) / (2 * kStep);
    }
  }

  ASSERT_OK_AND_ASSIGN(const Tensor to_fc1,
                       backward_to_fc1(run.model, run.activations, run.classes));
  ASSERT_OK_AND_ASSIGN(const Tensor to_pool, run.model.backward_to_block5_pool(to_fc1));
  const Tensor& conv3 = run.activations.block5_conv3();
  std::vector<float> sums;
  for (const std::size_t c : run.classes) {
    ASSERT_OK_AND_ASSIGN(const Tensor gradient,
                         Tensor::from(run.activations.block5_pool.shape(),
                                      to_pool.values().subspan(c * channels, channels)));
    ASSERT_OK_AND_ASSIGN(const Tensor to_conv3,
                         run.model.backward_to_layer(run.activations, gradient, kBlock5Conv3));
    for (std::size_t k = 0; k < channels; ++k) {
      float sum = 0;
      for (std::size_t i = k; i < conv3.size(); i += channels) {
        if (conv3.data()[i] > 0) sum += to_conv3.data()[i];
      }
      sums.push_back(sum);
    }
  }
  EXPECT_TRUE(close(sums, slopes, 1e-3));  // of float32 logits over a small step
}

/// What was completed of the pass before is not that of the one that goes on from elsewhere.
TEST_F(Vgg16Test, GoesOnWithoutWhatBelongedToAnotherPass) {
  ASSERT_OK_AND_ASSIGN(TinyRun run, Vgg16Test::run());
  ASSERT_OK_AND_ASSIGN(const Tensor input, run.oracle.tensor("input"));
  ASSERT_OK_AND_ASSIGN(Activations fresh, run.model.make_activations());
  constexpr std::size_t kBlock2Conv1 = 2;
  constexpr std::size_t kBlock2Conv2 = 3;
  constexpr std::size_t kBlock4Conv3 = 9;
  for (const std::size_t from : {kBlock2Conv1, kBlock2Conv2}) {
    SCOPED_TRACE(map_layer_name(from));
    ASSERT_OK(run.model.forward(input, run.activations));
    ASSERT_OK(run.model.complete(run.activations, 0));
    ASSERT_OK_AND_ASSIGN(Tensor start, run.activations.map(from).clone());
    std::ranges::fill(start.values().first(start.size() / 2), 0.0f);
    ASSERT_OK(run.model.forward(input, fresh));
    ASSERT_OK(run.model.forward_from(from, start, fresh));
    ASSERT_OK(run.model.forward_from(from, start, run.activations));
    EXPECT_TRUE(std::ranges::equal(run.activations.map(from).values(), start.values()));
    for (Activations* activations : {&run.activations, &fresh}) {
      ASSERT_OK(run.model.complete(*activations, from));
    }
    for (std::size_t layer = from; layer < kMapLayers; ++layer) {
      EXPECT_TRUE(
          std::ranges::equal(run.activations.map(layer).values(), fresh.map(layer).values()))
          << map_layer_name(layer);
    }
    for (const Method& method : methods()) {
      if (method.cam.map == nullptr) continue;
      const auto map_of = [&](const Activations& activations) {
        return explain_by(method.cam,
                          {.model = run.model, .activations = activations, .layer = kBlock4Conv3},
                          {{1}});
      };
      ASSERT_OK_AND_ASSIGN(const auto actual, map_of(run.activations));
      ASSERT_OK_AND_ASSIGN(const auto expected, map_of(fresh));
      EXPECT_EQ(actual.front().values, expected.front().values) << method.name;
    }
  }
}

TEST_F(Vgg16Test, GoesBackOnlyThroughOutputsThatAreThere) {
  ASSERT_OK_AND_ASSIGN(TinyRun run, Vgg16Test::run());
  ASSERT_OK_AND_ASSIGN(const Tensor gradient, Tensor::zeros(run.activations.block5_pool.shape()));
  const std::array<std::size_t, 1> classes = {0};
  const auto expect_refusals = [&](std::size_t layer) {
    EXPECT_NE(
        error_message(run.model.check_map(run.activations, layer), ErrorCode::kInvalidArgument),
        "");
    EXPECT_NE(error_message(run.model.backward_to_layer(run.activations, gradient, layer),
                            ErrorCode::kInvalidArgument),
              "");
    EXPECT_NE(error_message(run.model.backward_to_input(run.activations, gradient),
                            ErrorCode::kInvalidArgument),
              "");
    for (const Method& method : methods()) {
      if (method.cam.map == nullptr) continue;
      const ExplainContext context{
          .model = run.model, .activations = run.activations, .layer = layer};
      EXPECT_NE(
          error_message(explain_by(method.cam, context, classes), ErrorCode::kInvalidArgument), "")
          << method.name;
    }
  };
  for (const std::size_t layer : {1, 3, 6, 9}) expect_refusals(layer);  // not complete
  ASSERT_OK(run.model.complete(run.activations, 0));
  for (std::size_t layer = 0; layer < kMapLayers; ++layer) {
    ASSERT_OK(run.model.check_map(run.activations, layer));
  }
  EXPECT_NE(
      error_message(run.model.check_map(run.activations, kInput), ErrorCode::kInvalidArgument), "");
  // As they are when memory was saved, or they are another's now.
  for (const std::size_t layer : {12, 11, 4, 0}) {
    const Tensor moved = std::move(run.activations.conv[layer]);
    expect_refusals(layer);
  }
  run.activations.unpooled = {};
  EXPECT_NE(error_message(run.model.complete(run.activations, 0), ErrorCode::kInvalidArgument), "");
}

TEST_F(Vgg16Test, RefusesInputsThatAreNoNumbers) {
  ASSERT_OK_AND_ASSIGN(TinyRun run, Vgg16Test::run());
  for (const float value : {kNaN, std::numeric_limits<float>::infinity()}) {
    ASSERT_OK_AND_ASSIGN(Tensor input, run.oracle.tensor("input"));
    input.values().back() = value;
    EXPECT_NE(error_message(run.model.forward(input, run.activations), ErrorCode::kInvalidArgument),
              "");
  }
}

}  // namespace
}  // namespace gradcam::testing
