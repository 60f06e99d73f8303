// A model that has outputs for what a photo may show besides the classes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gradcam/evaluate/faithfulness.h"
#include "gradcam/explain/explain.h"
#include "gradcam/explain/finer_cam.h"
#include "gradcam/explain/methods.h"
#include "gradcam/train/finetuned_file.h"
#include "gradcam/vgg16/head.h"
#include "gradcam/vgg16/loader.h"
#include "gradcam/weights/convert_model.h"
#include "support/compare.h"
#include "support/converted.h"
#include "support/members.h"
#include "support/result.h"
#include "support/tensor_file.h"

namespace gradcam::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::size_t kOutputs = 15;
constexpr std::size_t kNamed = 4;

/// Cuts the rows from `kNamed` on off `predictions` and makes them `others`.
void rename_rows(TensorFile& file) {
  for (const char* part : {"weight", "bias"}) {
    TensorFile::Entry& named = *file.find(std::string("predictions.") + part);
    TensorFile::Entry others = named;
    const std::size_t cut = named.bytes.size() / kOutputs * kNamed;
    others.info.name = std::string("others.") + part;
    others.info.shape[0] = kOutputs - kNamed;
    others.bytes.erase(others.bytes.begin(), others.bytes.begin() + static_cast<int>(cut));
    named.info.shape[0] = kNamed;
    named.bytes.resize(cut);
    file.entries.push_back(std::move(others));
  }
  file.metadata["labels"] = R"(["a", "b", "c", "d"])";
  file.metadata["others"] = "another letter";
}

/// Twice the same weights: all of them with labels, and the first four.
class Others : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(file_, TensorFile::read(oracle_fixture("tiny64.keras")));
    ASSERT_OK_AND_ASSIGN(const auto bytes, file_.serialize());
    rename_rows(file_);
    ASSERT_OK_AND_ASSIGN(bytes_, file_.serialize());
    ASSERT_OK_AND_ASSIGN(Vgg16 all, load_vgg16(bytes));
    ASSERT_OK_AND_ASSIGN(Vgg16 some, load_vgg16(bytes_));
    all_.emplace(std::move(all));
    some_.emplace(std::move(some));
    ASSERT_OK_AND_ASSIGN(const TensorFile oracle,
                         TensorFile::read(oracle_fixture("tiny64.expected")));
    ASSERT_OK_AND_ASSIGN(input_, oracle.tensor("input"));
    ASSERT_OK_AND_ASSIGN(probabilities_, oracle.tensor("probabilities"));
    ASSERT_OK_AND_ASSIGN(activations_, some_->make_activations());
    ASSERT_OK(some_->forward(input_, activations_));
  }

  TensorFile file_;
  std::vector<std::uint8_t> bytes_;
  std::optional<Vgg16> all_;
  std::optional<Vgg16> some_;
  Tensor input_;
  Tensor probabilities_;  // PyTorch's, of all outputs
  Activations activations_;
};

TEST_F(Others, TakeTheirShareOfTheProbability) {
  EXPECT_EQ(some_->classes(), kNamed);
  EXPECT_EQ(some_->logits(), kOutputs);
  EXPECT_EQ(some_->info().metadata.others, "another letter");
  EXPECT_EQ(some_->info().parameters, all_->info().parameters);
  const auto predictions = some_->predictions(activations_);
  ASSERT_EQ(predictions.size(), kNamed);
  EXPECT_TRUE(
      std::ranges::is_sorted(predictions, std::ranges::greater{}, &Prediction::probability));
  for (const Prediction& p : predictions) {
    ASSERT_LT(p.index, kNamed);
    EXPECT_NEAR(p.probability, probabilities_.data()[p.index], 1e-5);
  }
  const auto others = probabilities_.values().subspan(kNamed);
  EXPECT_NEAR(some_->others_probability(activations_),
              std::accumulate(others.begin(), others.end(), 0.0), 1e-5);
}

TEST_F(Others, AreNotThereInOtherModels) {
  ASSERT_OK_AND_ASSIGN(Activations activations, all_->make_activations());
  ASSERT_OK(all_->forward(input_, activations));
  EXPECT_EQ(all_->others_probability(activations), 0);
}

TEST_F(Others, ChangeNoMapOfAClass) {
  const std::vector<std::size_t> classes = {3, 0};
  ASSERT_OK_AND_ASSIGN(Activations activations, all_->make_activations());
  for (const Method& method : methods()) {
    if (method.name == "finercam") continue;  // it compares with the other classes
    SCOPED_TRACE(method.name);
    ASSERT_OK(all_->forward(input_, activations));
    ASSERT_OK_AND_ASSIGN(const auto expected,
                         explain(*all_, input_, activations, classes, method, {.channels = 3}));
    ASSERT_OK(some_->forward(input_, activations_));
    ASSERT_OK_AND_ASSIGN(const auto actual,
                         explain(*some_, input_, activations_, classes, method, {.channels = 3}));
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < classes.size(); ++i) {
      EXPECT_EQ(actual[i].values, expected[i].values);
      EXPECT_EQ(actual[i].maximum, expected[i].maximum);
    }
  }
}

/// Finer-CAM's references have a name: with four classes, the three others, each of them a third.
TEST_F(Others, AreNothingToCompareAClassWith) {
  ASSERT_OK_AND_ASSIGN(const Tensor scores,
                       finer_scores(*some_, activations_, std::vector<std::size_t>{2}));
  ASSERT_EQ(scores.shape(), (Shape{1, kOutputs}));
  for (std::size_t i = 0; i < kOutputs; ++i) {
    EXPECT_EQ(scores.data()[i], i == 2 ? 1 : i < kNamed ? -1.0f / 3 : 0) << i;
  }
}

TEST_F(Others, CountWhenAMapIsMeasured) {
  const std::vector<Heatmap> maps = {constant_map()};
  const auto measure = [&](const Vgg16& model) -> Result<std::vector<Faithfulness>> {
    GRADCAM_TRY(Activations scratch, model.make_activations());
    GRADCAM_TRY(const auto plan, plan_faithfulness(model, input_, 1, maps));
    return carry_out(plan, model, scratch);
  };
  ASSERT_OK_AND_ASSIGN(const auto expected, measure(*all_));
  ASSERT_OK_AND_ASSIGN(const auto actual, measure(*some_));
  EXPECT_NEAR(actual.front().probability, probabilities_.data()[1], 1e-5);
  EXPECT_EQ(actual.front().insertion_curve, expected.front().insertion_curve);
  EXPECT_EQ(actual.front().deletion_curve, expected.front().deletion_curve);
}

TEST_F(Others, AreDividedAmongMembersAsEveryOutput) {
  const std::vector<std::size_t> classes = {0, 1, 2, 3};
  ASSERT_OK_AND_ASSIGN(const auto expected,
                       explain(*some_, input_, activations_, classes, methods().front()));
  for (const std::size_t count : {1, 2, 3, 5, 8}) {
    ASSERT_OK_AND_ASSIGN(Members together, Members::load(bytes_, count));
    ASSERT_OK(together.forward(input_));
    const Member& first = together.members.front();
    EXPECT_TRUE(close(first.activations().logits.values(), activations_.logits.values(), 1e-5));
    EXPECT_NEAR(first.model().others_probability(first.activations()),
                some_->others_probability(activations_), 1e-5);
    for (const Method& method : methods()) {
      SCOPED_TRACE(method.name);
      ASSERT_OK(together.forward(input_));
      ASSERT_OK_AND_ASSIGN(const auto maps, together.explain(input_, classes, method));
      EXPECT_EQ(maps.size(), kNamed);
      if (method.name != methods().front().name) continue;
      for (const std::size_t c : classes) {
        EXPECT_TRUE(close(maps[c].values, expected[c].values, 1e-4));
      }
    }
  }
}

TEST_F(Others, HaveNoMapOfTheirOwn) {
  const std::vector<std::size_t> classes = {kNamed};
  const auto maps = explain(*some_, input_, activations_, classes, methods().front());
  EXPECT_NE(error_message(maps, ErrorCode::kInvalidArgument).find("4 classes"), std::string::npos);
}

TEST_F(Others, HaveAName) {
  file_.metadata.erase("others");
  ASSERT_OK_AND_ASSIGN(const auto bytes, file_.serialize());
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_vgg16(bytes));
  EXPECT_EQ(model.info().metadata.others, "something else");
  ASSERT_OK_AND_ASSIGN(TensorFile plain, TensorFile::read(oracle_fixture("tiny64.keras")));
  plain.metadata["others"] = "nothing";
  ASSERT_OK_AND_ASSIGN(const auto plain_bytes, plain.serialize());
  ASSERT_OK_AND_ASSIGN(const Vgg16 plain_model, load_vgg16(plain_bytes));
  EXPECT_EQ(plain_model.info().metadata.others, "");
}

TEST_F(Others, MustFitTheLastLayer) {
  const auto refused = [&](auto change) {
    TensorFile changed = file_;
    change(changed);
    const auto bytes = changed.serialize();
    return bytes ? error_message(load_vgg16(*bytes), ErrorCode::kCorruptModel) : "not written";
  };
  EXPECT_THAT(refused([](TensorFile& file) { file.entries.pop_back(); }),
              HasSubstr("lacks others.bias"));
  EXPECT_THAT(refused([](TensorFile& file) {
                std::erase_if(file.entries,
                              [](const auto& entry) { return entry.info.name == "others.weight"; });
              }),
              HasSubstr("lacks others.weight"));
  EXPECT_THAT(refused([](TensorFile& file) {
                TensorFile::Entry& weight = *file.find("others.weight");
                weight.info.dtype = DType::kF16;
                weight.bytes.resize(weight.bytes.size() / 2);
              }),
              AllOf(HasSubstr("others.weight"), HasSubstr("F16"), HasSubstr("F32")));
  EXPECT_THAT(refused([](TensorFile& file) {
                TensorFile::Entry& weight = *file.find("others.weight");
                weight.info.shape = {weight.info.shape[1], weight.info.shape[0]};
              }),
              HasSubstr("others.weight"));
  EXPECT_THAT(refused([](TensorFile& file) {
                TensorFile::Entry& bias = *file.find("others.bias");
                bias.info.shape = {1};
                bias.bytes.resize(sizeof(float));
              }),
              HasSubstr("others.bias"));
}

/// PyTorch's files have no such tensors.
TEST_F(Others, HaveKerasNames) {
  ASSERT_OK_AND_ASSIGN(TensorFile file, TensorFile::read(oracle_fixture("tiny64.torchvision")));
  file.entries.push_back(*file_.find("others.bias"));
  ASSERT_OK_AND_ASSIGN(const auto bytes, file.serialize());
  EXPECT_THAT(error_message(load_vgg16(bytes), ErrorCode::kCorruptModel), HasSubstr("others.bias"));
}

TEST_F(Others, AreConvertedWithTheLastLayer) {
  for (const Precision precision : {Precision::kFloat32, Precision::kFloat16, Precision::kInt8}) {
    ConvertOptions options{.precision = precision, .classes = {2, 0}, .metadata = {}};
    options.metadata = some_->info().metadata;
    options.metadata.labels = {"c", "a"};
    ASSERT_OK_AND_ASSIGN(const auto converted, convert(bytes_, options));
    ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_vgg16(converted));
    EXPECT_EQ(model.classes(), 2u);
    EXPECT_EQ(model.logits(), 2 + kOutputs - kNamed);
    EXPECT_EQ(model.info().metadata.others, "another letter");
    ASSERT_OK_AND_ASSIGN(Activations activations, model.make_activations());
    ASSERT_OK(model.forward(input_, activations));
    const double tolerance = precision == Precision::kInt8 ? 0.05 : 5e-3;
    const auto before = activations_.logits.values();
    const std::vector<float> named = {before[2], before[0]};
    const auto after = activations.logits.values();
    EXPECT_TRUE(close(after.first(2), named, tolerance));
    EXPECT_TRUE(close(after.subspan(2), before.subspan(kNamed), tolerance));
  }
}

/// A head knows none.
TEST_F(Others, GoWithAHeadAndComeBack) {
  Head head{.base = some_->info().fingerprint, .metadata = {}, .weight = {}, .bias = {}};
  ASSERT_OK_AND_ASSIGN(head.weight, Tensor::zeros({3, some_->fc2().outputs()}));
  ASSERT_OK_AND_ASSIGN(head.bias, Tensor::zeros({3}));
  head.metadata.labels = {"x", "y", "z"};
  head.metadata.others = "nothing that a head knows";
  ASSERT_OK_AND_ASSIGN(const auto file, serialize_head(head));
  ASSERT_OK_AND_ASSIGN(const Head read, parse_head(file));
  ASSERT_OK(some_->use_head(&read));
  EXPECT_EQ(some_->logits(), 3u);
  EXPECT_EQ(some_->info().metadata.others, "");
  ASSERT_OK(some_->use_head(nullptr));
  EXPECT_EQ(some_->logits(), kOutputs);
  EXPECT_EQ(some_->info().metadata.others, "another letter");
}

/// So that a head fits a model with and without them.
TEST_F(Others, DoNotChangeTheFingerprint) {
  TensorFile without = file_;
  std::erase_if(without.entries,
                [](const auto& entry) { return entry.info.name.starts_with("others"); });
  ASSERT_OK_AND_ASSIGN(const auto bytes, without.serialize());
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_vgg16(bytes));
  EXPECT_EQ(model.info().fingerprint, some_->info().fingerprint);
}

TEST_F(Others, AreNotKeptByAFinetunedFile) {
  DenseParameters head{.name = "predictions", .weight = {}, .bias = {}};
  ASSERT_OK_AND_ASSIGN(head.weight, Tensor::zeros({2, some_->fc2().outputs()}));
  ASSERT_OK_AND_ASSIGN(head.bias, Tensor::zeros({2}));
  const std::vector<const DenseParameters*> trained = {&head};
  ASSERT_OK_AND_ASSIGN(const auto int8, convert(bytes_, Precision::kInt8));
  for (const auto& bytes : {bytes_, int8}) {
    ASSERT_OK_AND_ASSIGN(const SafetensorsHeader header,
                         parse_safetensors_header(bytes, bytes.size()));
    ASSERT_NE(header.find("others.weight"), nullptr);
    ASSERT_OK_AND_ASSIGN(const FinetunedFile file, plan_finetuned_file(header, trained, {}));
    EXPECT_NE(file.header.find("predictions.weight"), nullptr);
    for (const TensorInfo& tensor : file.header.tensors) {
      EXPECT_FALSE(tensor.name.starts_with("others")) << tensor.name;
    }
  }
}

}  // namespace
}  // namespace gradcam::testing
