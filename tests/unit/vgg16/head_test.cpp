#include "gradcam/vgg16/head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/explain/finer_cam.h"
#include "support/compare.h"
#include "support/converted.h"
#include "support/members.h"
#include "support/random.h"
#include "support/result.h"
#include "support/tensor_file.h"
#include "support/tiny_vgg16.h"
#include "support/values.h"

namespace gradcam::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Another last layer in the place of a model's own.
class HeadTest : public Tiny64 {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Tiny64::SetUp());
    ASSERT_OK_AND_ASSIGN(fc2_, oracle_.tensor("fc2"));
    ASSERT_OK_AND_ASSIGN(logits_, oracle_.tensor("logits"));
    ASSERT_OK_AND_ASSIGN(Vgg16 model, load_vgg16(bytes_));
    model_.emplace(std::move(model));
  }

  Result<Head> head_of(std::vector<std::string> labels, std::uint64_t seed) const {
    const std::size_t classes = labels.size();
    const std::size_t inputs = fc2_.size();
    RandomFloats random(seed);
    Head head{.base = model_->info().fingerprint, .metadata = {}, .weight = {}, .bias = {}};
    GRADCAM_TRY(head.weight, Tensor::from({classes, inputs}, random.uniform(classes * inputs)));
    GRADCAM_TRY(head.bias, Tensor::from({classes}, random.uniform(classes)));
    head.metadata.labels = std::move(labels);
    return head;
  }

  /// From PyTorch's fc2.
  std::vector<float> logits_of(const Head& head) const {
    std::vector<float> logits;
    for (std::size_t c = 0; c < head.bias.size(); ++c) {
      double sum = double{head.bias.data()[c]};
      for (std::size_t i = 0; i < fc2_.size(); ++i) {
        sum += double{head.weight.data()[c * fc2_.size() + i]} * double{fc2_.data()[i]};
      }
      logits.push_back(static_cast<float>(sum));
    }
    return logits;
  }

  Result<std::vector<float>> forward(const Vgg16& model) const {
    GRADCAM_TRY(Activations activations, model.make_activations());
    GRADCAM_CHECK_OK(model.forward(input_, activations));
    return std::vector<float>(activations.logits.values().begin(),
                              activations.logits.values().end());
  }

  Tensor fc2_;     // PyTorch's
  Tensor logits_;  // PyTorch's, of the model's own layer
  std::optional<Vgg16> model_;
};

TEST_F(HeadTest, TakesThePlaceOfTheLastLayerUntilThatComesBack) {
  const ModelInfo own = model_->info();
  const std::size_t inputs = fc2_.size();
  // The second one takes the place of the first: the model's own layer is kept all the same.
  ASSERT_OK_AND_ASSIGN(const Head first, head_of({"a", "b"}, 1));
  ASSERT_OK_AND_ASSIGN(const Head second, head_of({"x", "y", "z"}, 2));
  for (const Head* head : {&first, &second}) {
    ASSERT_OK(model_->use_head(head));
    ASSERT_OK_AND_ASSIGN(const auto logits, forward(*model_));
    EXPECT_TRUE(close(logits, logits_of(*head)));
    const ModelInfo& info = model_->info();
    const std::size_t classes = head->bias.size();
    EXPECT_EQ(info.metadata.labels, head->metadata.labels);
    EXPECT_EQ(info.parameters, own.parameters + classes * (inputs + 1) - 15 * (inputs + 1));
    EXPECT_EQ(info.layers.back().weight, (Shape{classes, inputs}));
    EXPECT_EQ(info.fingerprint, own.fingerprint);
  }
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK(model_->use_head(nullptr));
    ASSERT_OK_AND_ASSIGN(const auto logits, forward(*model_));
    EXPECT_TRUE(close(logits, logits_.values()));
    EXPECT_EQ(model_->info().metadata.labels, own.metadata.labels);
    EXPECT_EQ(model_->info().parameters, own.parameters);
    EXPECT_EQ(model_->info().layers.back().weight, own.layers.back().weight);
  }
}

TEST_F(HeadTest, ThatDoesNotFitChangesNothing) {
  ASSERT_OK_AND_ASSIGN(Head head, head_of({"a", "b"}, 1));
  head.base = "0123456789abcdef";
  EXPECT_THAT(error_message(model_->use_head(&head), ErrorCode::kInvalidArgument),
              HasSubstr("another model"));
  head.base = model_->info().fingerprint;
  ASSERT_OK_AND_ASSIGN(head.weight, Tensor::zeros({2, fc2_.size() + 1}));
  EXPECT_THAT(error_message(model_->use_head(&head), ErrorCode::kInvalidArgument),
              HasSubstr("inputs"));
  ASSERT_OK_AND_ASSIGN(const auto logits, forward(*model_));
  EXPECT_TRUE(close(logits, logits_.values()));
}

/// A fingerprint is that of the numbers, not only of their names and shapes.
TEST_F(HeadTest, DoesNotFitAModelOfOtherWeights) {
  ASSERT_OK_AND_ASSIGN(const Head head, head_of({"a", "b"}, 1));
  for (const char* name : {"block1_conv1.bias", "block4_conv2.bias", "fc2.bias"}) {
    ASSERT_OK_AND_ASSIGN(TensorFile file, TensorFile::read(oracle_fixture("tiny64.keras")));
    file.find(name)->bytes.front() ^= 1;
    ASSERT_OK_AND_ASSIGN(const auto bytes, file.serialize());
    ASSERT_OK_AND_ASSIGN(Vgg16 other, load_vgg16(bytes));
    EXPECT_THAT(error_message(other.use_head(&head), ErrorCode::kInvalidArgument),
                HasSubstr("another model"))
        << name;
  }
}

/// However its weights are written.
TEST_F(HeadTest, FitsTheSameNetworkInOtherNumbers) {
  ASSERT_OK_AND_ASSIGN(const Head head, head_of({"a", "b"}, 1));
  for (const auto precision :
       {Precision::kFloat32, Precision::kFloat16, Precision::kInt8, Precision::kInt4}) {
    ASSERT_OK_AND_ASSIGN(const auto bytes, convert(bytes_, precision));
    ASSERT_OK_AND_ASSIGN(Vgg16 other, load_vgg16(bytes));
    ASSERT_OK(other.use_head(&head));
  }
  ASSERT_OK_AND_ASSIGN(const auto bytes, read_tiny("tiny64.torchvision"));
  ASSERT_OK_AND_ASSIGN(Vgg16 other, load_vgg16(bytes));
  ASSERT_OK(other.use_head(&head));
}

/// Nor does one that was trained on photos which the same weights were shown in another way.
TEST_F(HeadTest, DoesNotFitAModelOfOtherPreprocessing) {
  ASSERT_OK_AND_ASSIGN(const Head head, head_of({"a", "b"}, 1));
  ASSERT_OK_AND_ASSIGN(TensorFile file, TensorFile::read(oracle_fixture("tiny64.keras")));
  Preprocess preprocess = model_->info().preprocess;
  preprocess.bgr = !preprocess.bgr;
  file.metadata["preprocess"] = to_json(preprocess);
  ASSERT_OK_AND_ASSIGN(const auto bytes, file.serialize());
  ASSERT_OK_AND_ASSIGN(Vgg16 other, load_vgg16(bytes));
  EXPECT_THAT(error_message(other.use_head(&head), ErrorCode::kInvalidArgument),
              HasSubstr("another model"));
}

TEST_F(HeadTest, IsDividedAmongMembers) {
  ASSERT_OK_AND_ASSIGN(const Head head, head_of({"a", "b", "c"}, 3));
  const std::vector<float> expected = logits_of(head);
  for (std::size_t count = 1; count <= kMaxMembers; ++count) {
    SCOPED_TRACE(count);
    ASSERT_OK_AND_ASSIGN(Members all, Members::load(bytes_, count));
    ASSERT_OK(all.forward(input_));
    for (Member& member : all.members) {
      ASSERT_OK(member.use_head(&head));
    }
    // What was classified by another layer is no answer any more.
    EXPECT_NE(error_message(all.explain(input_, {{0}}), ErrorCode::kInvalidArgument), "");
    ASSERT_OK(all.forward(input_));
    for (const Member& member : all.members) {
      EXPECT_TRUE(close(member.activations().logits.values(), expected));
    }
    for (Member& member : all.members) {
      ASSERT_OK(member.use_head(nullptr));
    }
    ASSERT_OK(all.forward(input_));
    EXPECT_TRUE(close(all.members.back().activations().logits.values(), logits_.values()));
  }
}

/// With two classes, as they are taught in the page, it is compared with the only other one.
TEST_F(HeadTest, OfOneClassIsSureOfIt) {
  ASSERT_OK_AND_ASSIGN(const Head head, head_of({"a"}, 4));
  ASSERT_OK_AND_ASSIGN(const std::vector<std::uint8_t> file, serialize_head(head));
  ASSERT_OK_AND_ASSIGN(const Head read, parse_head(file));
  ASSERT_OK(model_->use_head(&read));
  ASSERT_OK_AND_ASSIGN(Activations activations, model_->make_activations());
  ASSERT_OK(model_->forward(input_, activations));
  EXPECT_TRUE(close(activations.logits.values(), logits_of(head)));
  const std::vector<Prediction> predictions = model_->predictions(activations);
  ASSERT_EQ(predictions.size(), 1u);
  EXPECT_EQ(predictions[0].probability, 1);
}

TEST_F(HeadTest, OfTwoClassesComparesThemWithEachOther) {
  ASSERT_OK_AND_ASSIGN(const Head head, head_of({"a", "b"}, 4));
  ASSERT_OK(model_->use_head(&head));
  ASSERT_OK_AND_ASSIGN(Activations activations, model_->make_activations());
  ASSERT_OK(model_->forward(input_, activations));
  ASSERT_OK_AND_ASSIGN(const Tensor scores,
                       finer_scores(*model_, activations, std::vector<std::size_t>{0, 1}));
  EXPECT_THAT(scores.values(), ElementsAre(1, -1, -1, 1));
}

/// What is written can be read: nobody is left with a file that is refused.
TEST_F(HeadTest, IsNotWrittenIfItCouldNotBeRead) {
  const auto expect_refused = [&](const Head& head) {
    EXPECT_NE(error_message(serialize_head(head), ErrorCode::kInvalidArgument), "");
    EXPECT_NE(error_message(model_->use_head(&head), ErrorCode::kInvalidArgument), "");
  };
  using Labels = std::vector<std::string>;
  for (const Labels& labels : {Labels{"a", "a"}, {"a", ""}, {"a", "\xff"}, {"a", "b\n"}}) {
    SCOPED_TRACE(labels.back());
    ASSERT_OK_AND_ASSIGN(const Head head, head_of(labels, 1));
    expect_refused(head);
  }
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float value : {kNaN, kInfinity}) {
    SCOPED_TRACE(value);
    ASSERT_OK_AND_ASSIGN(Head weight, head_of({"a", "b"}, 1));
    weight.weight.values().back() = value;
    expect_refused(weight);
    ASSERT_OK_AND_ASSIGN(Head bias, head_of({"a", "b"}, 1));
    bias.bias.values().back() = value;
    expect_refused(bias);
  }
  for (const float unsure_below : {2.0f, -0.1f, kNaN}) {
    SCOPED_TRACE(unsure_below);
    ASSERT_OK_AND_ASSIGN(Head head, head_of({"a", "b"}, 1));
    head.metadata.unsure_below = unsure_below;
    expect_refused(head);
  }
  for (const float temperature : {-1.0f, 1e-40f, kNaN, kInfinity}) {
    SCOPED_TRACE(temperature);
    ASSERT_OK_AND_ASSIGN(Head head, head_of({"a", "b"}, 1));
    head.metadata.temperature = temperature;
    expect_refused(head);
  }
  ASSERT_OK_AND_ASSIGN(Head head, head_of({"a", "\xc3\xa4"}, 1));
  head.metadata.unsure_below = 0.5f;
  head.metadata.temperature = 1e-30f;
  ASSERT_OK_AND_ASSIGN(const auto file, serialize_head(head));
  ASSERT_OK_AND_ASSIGN(const Head read, parse_head(file));
  EXPECT_EQ(read.metadata.labels, head.metadata.labels);
  EXPECT_EQ(read.metadata.unsure_below, 0.5f);
}

}  // namespace
}  // namespace gradcam::testing
