#include "gradcam/train/classifier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/layers/dense.h"
#include "gradcam/layers/softmax.h"
#include "gradcam/train/optimizer.h"
#include "support/compare.h"
#include "support/finite_differences.h"
#include "support/random.h"
#include "support/result.h"
#include "support/tensor_file.h"

namespace gradcam::testing {
namespace {

constexpr std::size_t kSteps = 10;
constexpr std::uint64_t kSeed = 7;  // of tests/oracle/training.py

/// One of PyTorch's runs of ten steps.
struct OracleRun {
  TensorFile oracle;
  std::string name;

  Result<Tensor> tensor(const std::string& key) const { return oracle.tensor(name + "/" + key); }

  Result<std::vector<DenseParameters>> layers(const std::string& suffix) const {
    std::vector<DenseParameters> layers;
    for (const std::string layer : {"fc1", "fc2", "predictions"}) {
      if (oracle.find(name + "/" + layer + ".bias." + suffix) == nullptr) continue;
      DenseParameters parameters{.name = layer, .weight = {}, .bias = {}};
      GRADCAM_TRY(parameters.weight, tensor(layer + ".weight." + suffix));
      GRADCAM_TRY(parameters.bias, tensor(layer + ".bias." + suffix));
      layers.push_back(std::move(parameters));
    }
    return layers;
  }

  /// The inputs and labels of a step.
  Result<std::pair<Tensor, std::vector<std::size_t>>> batch(std::size_t step) const {
    GRADCAM_TRY(const Tensor x, tensor("x"));
    GRADCAM_TRY(const Tensor labels, tensor("labels"));
    const std::size_t samples = x.dim(1);
    const std::size_t size = samples * x.dim(2);
    GRADCAM_TRY(Tensor part,
                Tensor::from({samples, x.dim(2)}, x.values().subspan(step * size, size)));
    std::vector<std::size_t> classes;
    for (const float label : labels.values().subspan(step * samples, samples)) {
      classes.push_back(static_cast<std::size_t>(label));
    }
    return std::pair(std::move(part), std::move(classes));
  }

  bool is(const char* word) const { return name.find(word) != std::string::npos; }

  ClassifierOptions options() const {
    return {.optimizer = {.algorithm = is("adam") ? Algorithm::kAdam : Algorithm::kSgd,
                          .weight_decay = 0.01f},
            .dropout = is("dropout") ? 0.5f : 0.0f,
            .seed = kSeed};
  }
};

class TrainingOracle : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(run_.oracle, TensorFile::read(oracle_fixture("training")));
    run_.name = std::string("steps/") + GetParam();
  }

  OracleRun run_;
};

TEST_P(TrainingOracle, GradientsAgreeWithPyTorch) {
  // One step of plain descent at learning rate 1 moves the weights by their gradient.
  ClassifierOptions options = run_.options();
  options.optimizer = {.algorithm = Algorithm::kSgd, .momentum = 0};
  ASSERT_OK_AND_ASSIGN(auto layers, run_.layers("before"));
  ASSERT_OK_AND_ASSIGN(const auto before, run_.layers("before"));
  ASSERT_OK_AND_ASSIGN(const auto expected, run_.layers("gradient"));
  ASSERT_OK_AND_ASSIGN(Classifier classifier, Classifier::create(std::move(layers), options));
  ASSERT_OK_AND_ASSIGN(const auto batch, run_.batch(0));
  ASSERT_OK(classifier.train_step(batch.first, batch.second, 1, 0));
  const auto after = classifier.parameters();
  ASSERT_EQ(after.size(), expected.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    SCOPED_TRACE(after[i]->name);
    const auto moved = [](const Tensor& from, const Tensor& to) {
      std::vector<float> gradient;
      for (std::size_t j = 0; j < to.size(); ++j) {
        gradient.push_back(from.data()[j] - to.data()[j]);
      }
      return gradient;
    };
    EXPECT_TRUE(close(moved(before[i].weight, after[i]->weight), expected[i].weight.values()));
    EXPECT_TRUE(close(moved(before[i].bias, after[i]->bias), expected[i].bias.values()));
  }
}

/// A first step has the mean g and the mean square g^2, so it is lr g / (|g| + epsilon): half of
/// the learning rate where the gradient is as small as epsilon, which is 1e-8 in the paper and
/// PyTorch.
TEST(Optimizer, AdamsEpsilonIsThatOfThePaper) {
  for (const float gradient : {1e-8f, -1e-8f, 1.0f}) {
    SCOPED_TRACE(gradient);
    float weight = 0, first = 0, second = 0;
    optimizer_step({.algorithm = Algorithm::kAdam}, 0.01, 0, {&gradient, 1}, {&weight, 1},
                   {&first, 1}, {&second, 1});
    const double g = double{gradient};
    EXPECT_NEAR(weight, -0.01 * g / (std::abs(g) + 1e-8), 1e-6);
  }
}

TEST_P(TrainingOracle, TenStepsAgreeWithPyTorch) {
  ASSERT_OK_AND_ASSIGN(auto layers, run_.layers("before"));
  ASSERT_OK_AND_ASSIGN(const auto expected, run_.layers("after"));
  ASSERT_OK_AND_ASSIGN(const Tensor losses, run_.tensor("losses"));
  ASSERT_OK_AND_ASSIGN(const Tensor rates, run_.tensor("rates"));
  ASSERT_OK_AND_ASSIGN(Classifier classifier,
                       Classifier::create(std::move(layers), run_.options()));
  std::vector<float> own_losses;
  std::vector<float> own_rates;
  for (std::size_t step = 0; step < kSteps; ++step) {
    const double rate = cosine_schedule(run_.is("sgd") ? 0.05 : 0.01, step, kSteps);
    ASSERT_OK_AND_ASSIGN(const auto batch, run_.batch(step));
    ASSERT_OK_AND_ASSIGN(const BatchOutcome outcome,
                         classifier.train_step(batch.first, batch.second, rate, step));
    own_losses.push_back(
        static_cast<float>(outcome.loss / static_cast<double>(batch.second.size())));
    own_rates.push_back(static_cast<float>(rate));
  }
  EXPECT_TRUE(close(own_losses, losses.values()));
  EXPECT_TRUE(close(own_rates, rates.values()));
  const auto after = classifier.parameters();
  ASSERT_EQ(after.size(), expected.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    SCOPED_TRACE(after[i]->name);
    EXPECT_TRUE(close(after[i]->weight.values(), expected[i].weight.values()));
    EXPECT_TRUE(close(after[i]->bias.values(), expected[i].bias.values()));
  }
}

INSTANTIATE_TEST_SUITE_P(All, TrainingOracle,
                         ::testing::Values("head_sgd", "head_adam", "classifier_sgd",
                                           "classifier_sgd_dropout", "classifier_adam_dropout"),
                         [](const auto& info) { return std::string(info.param); });

TEST(FitTemperature, AgreesWithPyTorch) {
  ASSERT_OK_AND_ASSIGN(const TensorFile oracle, TensorFile::read(oracle_fixture("training")));
  ASSERT_OK_AND_ASSIGN(const Tensor logits, oracle.tensor("temperature/logits"));
  ASSERT_OK_AND_ASSIGN(const Tensor labels, oracle.tensor("temperature/labels"));
  ASSERT_OK_AND_ASSIGN(const Tensor expected, oracle.tensor("temperature/temperature"));
  std::vector<std::size_t> classes;
  for (const float label : labels.values()) classes.push_back(static_cast<std::size_t>(label));
  EXPECT_NEAR(fit_temperature(logits, classes), expected.data()[0], 1e-4f * expected.data()[0]);
}

TEST(FitTemperature, StaysInItsRange) {
  // All right, or all wrong: the loss falls for ever in one direction.
  ASSERT_OK_AND_ASSIGN(const Tensor logits, Tensor::from({2, 2}, {{3, 0, 0, 3}}));
  EXPECT_NEAR(fit_temperature(logits, {{0, 1}}), 0.25f, 1e-4f);
  EXPECT_NEAR(fit_temperature(logits, {{1, 0}}), 10.0f, 1e-3f);
  EXPECT_EQ(fit_temperature(logits, {{0, 9}}), 1);
}

/// A layer of several blocks of rows, so that several lanes work.
Result<std::vector<DenseParameters>> random_layers(RandomFloats& random) {
  std::vector<DenseParameters> layers;
  constexpr std::array<std::size_t, 4> kWidths = {211, 307, 109, 9};
  for (std::size_t i = 0; i < 3; ++i) {
    const std::size_t inputs = kWidths[i];
    const std::size_t outputs = kWidths[i + 1];
    DenseParameters layer{
        .name = std::string(1, static_cast<char>('a' + i)), .weight = {}, .bias = {}};
    GRADCAM_TRY(layer.weight,
                Tensor::from({outputs, inputs}, random.uniform(outputs * inputs, 0.1f)));
    GRADCAM_TRY(layer.bias, Tensor::from({outputs}, random.uniform(outputs, 0.1f)));
    layers.push_back(std::move(layer));
  }
  return layers;
}

TEST(Classifier, ResultDoesNotDependOnTheOrderOfTasks) {
  const auto train = [](const Parallel& parallel) -> Result<std::vector<float>> {
    RandomFloats random(3);
    GRADCAM_TRY(auto layers, random_layers(random));
    GRADCAM_TRY(Classifier classifier, Classifier::create(std::move(layers), {}, parallel));
    std::vector<std::size_t> labels(45);
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = i % 9;
    for (std::size_t step = 0; step < 3; ++step) {
      GRADCAM_TRY(const Tensor x, Tensor::from({45, 211}, random.uniform(45 * 211)));
      GRADCAM_TRY(const BatchOutcome outcome, classifier.train_step(x, labels, 0.1, step));
      static_cast<void>(outcome);
    }
    std::vector<float> all;
    for (const NamedTensor& t : classifier.state()) {
      all.insert(all.end(), t.tensor->values().begin(), t.tensor->values().end());
    }
    return all;
  };
  std::size_t calls = 0;
  ASSERT_OK_AND_ASSIGN(const auto serial, train({}));
  ASSERT_OK_AND_ASSIGN(const auto backwards, train([&](std::size_t count, const auto& task) {
                         ++calls;
                         for (std::size_t i = count; i > 0; --i) task(i - 1);
                       }));
  EXPECT_GT(calls, 0u) << "the layers are too small to be divided";
  EXPECT_EQ(serial, backwards);
}

TEST(Classifier, DropsNothingWhereItIsNotTrained) {
  const auto logits = [](float dropout) -> Result<Tensor> {
    RandomFloats random(6);
    GRADCAM_TRY(auto layers, random_layers(random));
    GRADCAM_TRY(const Classifier classifier,
                Classifier::create(std::move(layers), {.dropout = dropout}));
    GRADCAM_TRY(const Tensor x, Tensor::from({2, 211}, random.uniform(2 * 211)));
    return classifier.forward(x);
  };
  ASSERT_OK_AND_ASSIGN(const Tensor without, logits(0));
  ASSERT_OK_AND_ASSIGN(const Tensor with, logits(0.5f));
  EXPECT_TRUE(std::ranges::equal(with.values(), without.values()));
}

TEST(Classifier, RefusesWhatDoesNotFit) {
  RandomFloats random(4);
  ASSERT_OK_AND_ASSIGN(auto layers, random_layers(random));
  EXPECT_NE(error_message(Classifier::create({}, {}), ErrorCode::kInvalidArgument), "");
  std::swap(layers[0], layers[1]);
  EXPECT_NE(error_message(Classifier::create(std::move(layers), {}), ErrorCode::kInvalidArgument),
            "");
  ASSERT_OK_AND_ASSIGN(auto again, random_layers(random));
  EXPECT_NE(error_message(Classifier::create(std::move(again), {.dropout = 1}),
                          ErrorCode::kInvalidArgument),
            "");
  ASSERT_OK_AND_ASSIGN(auto good, random_layers(random));
  ASSERT_OK_AND_ASSIGN(Classifier classifier, Classifier::create(std::move(good), {}));
  ASSERT_OK_AND_ASSIGN(Tensor x, Tensor::zeros({2, 211}));
  EXPECT_NE(error_message(classifier.train_step(x, {{0}}, 1, 0), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(classifier.train_step(x, {{0, 9}}, 1, 0), ErrorCode::kInvalidArgument),
            "");
  ASSERT_OK_AND_ASSIGN(const Tensor narrow, Tensor::zeros({2, 210}));
  EXPECT_NE(
      error_message(classifier.train_step(narrow, {{0, 1}}, 1, 0), ErrorCode::kInvalidArgument),
      "");
}

TEST(Classifier, ALossThatIsNotFiniteChangesNothing) {
  std::vector<DenseParameters> layers(1);
  ASSERT_OK_AND_ASSIGN(layers[0], new_head(3, 4, 1));
  const std::vector<float> before(layers[0].weight.values().begin(),
                                  layers[0].weight.values().end());
  ASSERT_OK_AND_ASSIGN(Classifier classifier, Classifier::create(std::move(layers), {}));
  ASSERT_OK_AND_ASSIGN(const Tensor x,
                       Tensor::from({1, 4}, {{1, std::numeric_limits<float>::infinity(), 1, 1}}));
  ASSERT_OK_AND_ASSIGN(const BatchOutcome outcome, classifier.train_step(x, {{0}}, 1, 0));
  EXPECT_FALSE(std::isfinite(outcome.loss));
  EXPECT_TRUE(std::ranges::equal(before, classifier.parameters().front()->weight.values()));
}

TEST(CrossEntropy, GradientIsTheSlope) {
  RandomFloats random(5);
  const std::vector<float> logits = random.uniform(6, 3);
  std::vector<float> gradient(6);
  const double loss = cross_entropy(logits, 2, gradient);
  EXPECT_GT(loss, 0);
  const auto slope = central_differences(logits, 1e-2f, [](std::span<const float> at) {
    std::vector<float> ignored(at.size());
    return cross_entropy(at, 2, ignored);
  });
  EXPECT_TRUE(close(gradient, slope));
}

TEST(CrossEntropy, DoesNotOverflow) {
  std::vector<float> gradient(2);
  EXPECT_DOUBLE_EQ(cross_entropy(std::vector<float>{1e30f, -1e30f}, 0, gradient), 0);
  EXPECT_TRUE(std::isfinite(cross_entropy(std::vector<float>{1e30f, -1e30f}, 1, gradient)));
}

TEST(NewHead, IsNormalAndSmall) {
  ASSERT_OK_AND_ASSIGN(const DenseParameters head, new_head(20, 500, 1));
  ASSERT_OK_AND_ASSIGN(const DenseParameters other, new_head(20, 500, 2));
  EXPECT_NEAR(rms(head.weight.values()), 0.01, 0.0005);
  EXPECT_GT(rms_difference(head.weight.values(), other.weight.values()), 0.01);
  EXPECT_EQ(rms(head.bias.values()), 0);
}

}  // namespace
}  // namespace gradcam::testing
