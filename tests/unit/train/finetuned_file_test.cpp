#include "gradcam/train/finetuned_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "support/compare.h"
#include "support/random.h"
#include "support/result.h"
#include "support/tensor_file.h"
#include "support/tiny_vgg16.h"

namespace gradcam::testing {
namespace {

/// The file that a plan describes.
Result<std::vector<std::uint8_t>> build(const FinetunedFile& plan, const TensorFile& base) {
  TensorFile file{.metadata = plan.header.metadata, .entries = {}};
  for (std::size_t i = 0; i < plan.sources.size(); ++i) {
    const TensorSource& source = plan.sources[i];
    TensorFile::Entry entry{.info = plan.header.tensors[i], .bytes = {}};
    if (source.trained == nullptr) {
      entry.bytes = base.entries[source.base].bytes;
    } else {
      const std::size_t rows = source.is_bias ? 1 : source.trained->bias.size();
      for (std::size_t row = 0; row < rows; ++row) {
        const std::vector<float> values = finetuned_row(plan, i, row);
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(values.data());
        entry.bytes.insert(entry.bytes.end(), bytes, bytes + values.size() * sizeof(float));
      }
    }
    file.entries.push_back(std::move(entry));
  }
  return file.serialize();
}

Result<SafetensorsHeader> header_of(const TensorFile& file) {
  GRADCAM_TRY(const auto bytes, file.serialize());
  return parse_safetensors_header(bytes, bytes.size());
}

class FinetunedFileTest : public ::testing::TestWithParam<TinyModel> {};

TEST_P(FinetunedFileTest, OfTheBasesOwnWeightsIsTheBase) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run, TinyRun::forward(GetParam(), ConvAlgorithm::kReference));
  ASSERT_OK_AND_ASSIGN(const TensorFile base, TensorFile::read(oracle_fixture(GetParam().file)));
  ASSERT_OK_AND_ASSIGN(const SafetensorsHeader header, header_of(base));

  DenseParameters fc1{.name = "fc1", .weight = {}, .bias = {}};
  ASSERT_OK_AND_ASSIGN(fc1.weight, run.model.fc1().weight());
  ASSERT_OK_AND_ASSIGN(fc1.bias, run.model.fc1().bias().clone());
  DenseParameters fc2{.name = "fc2", .weight = {}, .bias = {}};
  ASSERT_OK_AND_ASSIGN(fc2.weight, run.model.fc2().weight());
  ASSERT_OK_AND_ASSIGN(fc2.bias, run.model.fc2().bias().clone());
  RandomFloats random(9);
  const std::size_t width = run.model.fc2().outputs();
  DenseParameters head{.name = "predictions", .weight = {}, .bias = {}};
  ASSERT_OK_AND_ASSIGN(head.weight, Tensor::from({2, width}, random.uniform(2 * width)));
  ASSERT_OK_AND_ASSIGN(head.bias, Tensor::from({2}, random.uniform(2)));

  ModelMetadata metadata = run.model.info().metadata;
  metadata.labels = {"mine", "the neighbour's"};
  metadata.preprocess = to_json(run.model.info().preprocess);
  const DenseParameters* const trained[] = {&fc1, &fc2, &head};
  ASSERT_OK_AND_ASSIGN(const FinetunedFile plan, plan_finetuned_file(header, trained, metadata));
  ASSERT_OK_AND_ASSIGN(const auto bytes, build(plan, base));
  ASSERT_OK_AND_ASSIGN(const Vgg16 model,
                       load_vgg16(bytes, {.convolution = ConvAlgorithm::kReference}));
  EXPECT_EQ(model.info().metadata.labels, metadata.labels);

  ASSERT_OK_AND_ASSIGN(Activations activations, model.make_activations());
  ASSERT_OK_AND_ASSIGN(const Tensor input, run.oracle.tensor("input"));
  ASSERT_OK(model.forward(input, activations));
  EXPECT_TRUE(close(activations.fc1.values(), run.activations.fc1.values(), 1e-6));
  EXPECT_TRUE(close(activations.fc2.values(), run.activations.fc2.values(), 1e-6));
  for (std::size_t c = 0; c < 2; ++c) {
    double logit = double{head.bias.data()[c]};
    for (std::size_t i = 0; i < width; ++i) {
      logit += double{head.weight.data()[c * width + i]} * run.activations.fc2.data()[i];
    }
    EXPECT_NEAR(activations.logits.data()[c], logit, 1e-5 * (1 + std::abs(logit)));
  }
}

INSTANTIATE_TEST_SUITE_P(TinyModels, FinetunedFileTest, ::testing::ValuesIn(kTinyModels),
                         [](const auto& info) {
                           std::string name = info.param.file;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

TEST(FinetunedFile, RefusesLayersThatDoNotFitTheBase) {
  ASSERT_OK_AND_ASSIGN(const TensorFile base, TensorFile::read(oracle_fixture("tiny64.keras")));
  ASSERT_OK_AND_ASSIGN(const SafetensorsHeader header, header_of(base));
  const auto plan = [&](const char* name, Shape shape) -> Result<FinetunedFile> {
    DenseParameters layer{.name = name, .weight = {}, .bias = {}};
    GRADCAM_TRY(layer.bias, Tensor::zeros({shape[0]}));
    GRADCAM_TRY(layer.weight, Tensor::zeros(std::move(shape)));
    const DenseParameters* const trained[] = {&layer};
    return plan_finetuned_file(header, trained, {});
  };
  ASSERT_OK(plan("predictions", {4, 18}));
  EXPECT_NE(error_message(plan("predictions", {4, 17}), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(plan("fc2", {17, 33}), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(plan("block5_conv3", {4, 18}), ErrorCode::kInvalidArgument), "");
}

}  // namespace
}  // namespace gradcam::testing
