#include "gradcam/weights/convert_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/tensor/float16.h"
#include "gradcam/vgg16/loader.h"
#include "gradcam/weights/quantize.h"
#include "support/compare.h"
#include "support/converted.h"
#include "support/random.h"
#include "support/result.h"
#include "support/tensor_file.h"
#include "support/tiny_vgg16.h"

namespace gradcam::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr Precision kEveryPrecision[] = {Precision::kFloat32, Precision::kFloat16, Precision::kInt8,
                                         Precision::kInt4};

/// The logits for an input of random numbers.
Result<std::vector<float>> logits(const Bytes& file) {
  GRADCAM_TRY(const Vgg16 model, load_vgg16(file, {.convolution = ConvAlgorithm::kReference}));
  const auto size = static_cast<std::size_t>(model.info().preprocess.size);
  GRADCAM_TRY(const Tensor input,
              Tensor::from({size, size, 3}, RandomFloats(5).uniform(size * size * 3)));
  GRADCAM_TRY(Activations activations, model.make_activations());
  GRADCAM_CHECK_OK(model.forward(input, activations));
  const auto values = activations.logits.values();
  return std::vector<float>(values.begin(), values.end());
}

TEST(ConvertModel, ToFloat32ChangesNothingButNamesAndLayouts) {
  for (const TinyModel& tiny : kTinyModels) {
    SCOPED_TRACE(tiny.file);
    ASSERT_OK_AND_ASSIGN(const Bytes file, read_tiny(tiny.file));
    ASSERT_OK_AND_ASSIGN(const Bytes converted, convert(file, Precision::kFloat32));
    ASSERT_OK_AND_ASSIGN(const auto header, parse_safetensors_header(converted, converted.size()));
    EXPECT_EQ(header.tensors.front().name, "block1_conv1.weight");
    ASSERT_OK_AND_ASSIGN(const auto expected, logits(file));
    ASSERT_OK_AND_ASSIGN(const auto actual, logits(converted));
    EXPECT_TRUE(close(actual, expected, 1e-5));
  }
}

TEST(ConvertModel, EveryLayoutBecomesTheSameFile) {
  ASSERT_OK_AND_ASSIGN(const Bytes keras, read_tiny("tiny64.keras"));
  for (const Precision precision : kEveryPrecision) {
    ConvertOptions options{.precision = precision, .classes = {}, .metadata = {}};
    ASSERT_OK_AND_ASSIGN(const Bytes expected, convert(keras, options));
    for (const char* name : {"tiny64.torchvision", "tiny64.timm"}) {
      ASSERT_OK_AND_ASSIGN(const Bytes file, read_tiny(name));
      ASSERT_OK_AND_ASSIGN(const Bytes converted, convert(file, options));
      EXPECT_EQ(converted, expected) << name;
    }
  }
}

TEST(ConvertModel, StoresEachLayerAsThePrecisionSays) {
  ASSERT_OK_AND_ASSIGN(const Bytes file, random_vgg16());
  const auto dtypes = [&](Precision precision) {
    std::vector<std::string> names;
    const auto converted = convert(file, precision);
    const auto model = load_vgg16(*converted);
    for (const LayerInfo& layer : model->info().layers) names.push_back(layer.dtype);
    return names;
  };
  using List = std::vector<std::string>;
  List expected(16, "F32");
  EXPECT_EQ(dtypes(Precision::kFloat32), expected);
  expected = List(16, "F16");
  EXPECT_EQ(dtypes(Precision::kFloat16), expected);
  std::fill(expected.begin() + 4, expected.end(), "I8");
  EXPECT_EQ(dtypes(Precision::kInt8), expected);
  expected[13] = "I4";  // fc2 has 20 inputs
  EXPECT_EQ(dtypes(Precision::kInt4), expected);
}

/// The engine computes with the numbers as they are stored what it computes with the same numbers
/// in float32; and they are near the ones that were converted.
TEST(ConvertModel, WhatItWritesRunsAsItIs) {
  ASSERT_OK_AND_ASSIGN(const Bytes file, random_vgg16());
  ASSERT_OK_AND_ASSIGN(const auto original, logits(file));
  const std::pair<Precision, double> most[] = {{Precision::kFloat32, 0.0},
                                               {Precision::kFloat16, 0.002},
                                               {Precision::kInt8, 0.03},
                                               {Precision::kInt4, 0.3}};
  for (const auto& [precision, tolerance] : most) {
    SCOPED_TRACE(static_cast<int>(precision));
    ASSERT_OK_AND_ASSIGN(const Bytes converted, convert(file, precision));
    ASSERT_OK_AND_ASSIGN(const Bytes back, convert(converted, Precision::kFloat32));
    ASSERT_OK_AND_ASSIGN(const auto actual, logits(converted));
    ASSERT_OK_AND_ASSIGN(const auto expected, logits(back));
    EXPECT_TRUE(close(actual, expected, 1e-5));
    EXPECT_TRUE(close(actual, original, tolerance));
    EXPECT_EQ(actual == original, precision == Precision::kFloat32);
  }
}

TEST(ConvertModel, ReadsBackEachWeightWithinItsStep) {
  ASSERT_OK_AND_ASSIGN(const Bytes file, random_vgg16());
  ASSERT_OK_AND_ASSIGN(const Bytes int4, convert(file, Precision::kInt4));
  ASSERT_OK_AND_ASSIGN(const Bytes back, convert(int4, Precision::kFloat32));
  ASSERT_OK_AND_ASSIGN(const auto header, parse_safetensors_header(file, file.size()));
  ASSERT_OK_AND_ASSIGN(const auto back_header, parse_safetensors_header(back, back.size()));
  for (const TensorInfo& tensor : header.tensors) {
    ASSERT_EQ(back_header.find(tensor.name)->begin, tensor.begin);
    const bool is_bias = tensor.shape.size() == 1;
    const std::size_t count = (tensor.end - tensor.begin) / sizeof(float);
    std::vector<float> before(count);
    std::vector<float> after(count);
    std::memcpy(before.data(), file.data() + header.data_offset + tensor.begin, count * 4);
    std::memcpy(after.data(), back.data() + back_header.data_offset + tensor.begin, count * 4);
    float largest = 0;
    for (const float w : before) largest = std::max(largest, std::abs(w));
    const float step = is_bias ? 0 : largest / (tensor.name == "fc1.weight" ? 8 : 127);
    // Half a step, what int4 lacks at one end, and the share of the error of others.
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_NEAR(after[i], before[i], 2.5f * step) << tensor.name << " " << i;
    }
  }
}

/// The inputs of fc1 that are alike are those of a channel: its errors must cancel there, and not
/// only over the row.
TEST(ConvertModel, SpreadsTheErrorOfFc1OverThePositionsOfEachChannel) {
  constexpr std::size_t kChannels = 36;
  constexpr std::size_t kPositions = 4;
  ASSERT_OK_AND_ASSIGN(const Bytes file, random_vgg16());
  ASSERT_OK_AND_ASSIGN(const Bytes int8, convert(file, Precision::kInt8));
  ASSERT_OK_AND_ASSIGN(const Bytes back, convert(int8, Precision::kFloat32));
  const auto rows_of = [](const Bytes& from) {
    const auto header = parse_safetensors_header(from, from.size());
    const TensorInfo& fc1 = *header->find("fc1.weight");
    std::vector<float> values(static_cast<std::size_t>(fc1.end - fc1.begin) / sizeof(float));
    std::memcpy(values.data(), from.data() + header->data_offset + fc1.begin,
                values.size() * sizeof(float));
    return values;
  };
  const std::vector<float> before = rows_of(file);
  const std::vector<float> after = rows_of(back);
  constexpr std::size_t kRow = kChannels * kPositions;
  ASSERT_EQ(before.size() % kRow, 0u);
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t row = 0; row < before.size(); row += kRow) {
    float largest = 0;
    for (std::size_t i = 0; i < kRow; ++i) largest = std::max(largest, std::abs(before[row + i]));
    const double step = double{largest} / 127;
    for (std::size_t channel = 0; channel < kChannels; ++channel) {
      double error = 0;
      for (std::size_t i = channel; i < kRow; i += kChannels) {
        error += double{after[row + i]} - double{before[row + i]};
      }
      // The last weight takes back what it can: all but half a step, and less at the end of the
      // range.
      EXPECT_LE(std::abs(error), step) << row / kRow << ", channel " << channel;
    }
  }
}

TEST(ConvertModel, KeepsTheClassesThatAreAskedFor) {
  for (const char* name : {"tiny64.torchvision", "tiny_int8.keras"}) {
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(const Bytes file, read_tiny(name));
    ConvertOptions options;
    options.classes = {3, 0, 2};
    options.metadata.labels = {"d", "a", "c"};
    ASSERT_OK_AND_ASSIGN(const Bytes converted, convert(file, options));
    ASSERT_OK_AND_ASSIGN(const auto all, logits(file));
    ASSERT_OK_AND_ASSIGN(const auto kept, logits(converted));
    EXPECT_TRUE(close(kept, std::vector<float>{all[3], all[0], all[2]}, 1e-5));
    ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_vgg16(converted));
    EXPECT_EQ(model.info().metadata.labels, options.metadata.labels);
    options.classes[1] = 15;
    EXPECT_THAT(error_message(convert(file, options), ErrorCode::kInvalidArgument),
                AllOf(HasSubstr("class 15"), HasSubstr(std::to_string(all.size()))));
  }
}

TEST(ConvertModel, KnowsTheSizeBeforehand) {
  ASSERT_OK_AND_ASSIGN(const Bytes file, random_vgg16());
  ASSERT_OK_AND_ASSIGN(const auto header, parse_safetensors_header(file, file.size()));
  for (const Precision precision : kEveryPrecision) {
    ASSERT_OK_AND_ASSIGN(const ConvertOptions options, plan_conversion(header, precision, {}));
    ASSERT_OK_AND_ASSIGN(const auto converter, ModelConverter::create(header, options));
    ASSERT_OK_AND_ASSIGN(const Bytes converted, convert(file, precision));
    EXPECT_EQ(converter.file_bytes(), converted.size());
  }
}

TEST(ConvertModel, NamesTheRowOfAValueThatCannotBe) {
  ASSERT_OK_AND_ASSIGN(TensorFile file, TensorFile::read(oracle_fixture("tiny64.torchvision")));
  const auto with = [&](const std::string& tensor, float value) {
    TensorFile changed = file;
    TensorFile::Entry& entry = *changed.find(tensor);
    const std::size_t row = entry.bytes.size() / entry.info.shape[0];
    std::memcpy(entry.bytes.data() + 2 * row, &value, sizeof value);
    return *changed.serialize();
  };
  for (const std::string tensor : {"features.7.weight", "classifier.0.weight", "features.0.bias"}) {
    for (const Precision precision : kEveryPrecision) {
      const auto result = convert(with(tensor, std::numeric_limits<float>::infinity()), precision);
      EXPECT_THAT(error_message(result, ErrorCode::kCorruptModel),
                  AllOf(HasSubstr(tensor), HasSubstr("not a finite")));
    }
  }
  EXPECT_THAT(error_message(convert(with("classifier.0.weight", 70000), Precision::kFloat16),
                            ErrorCode::kInvalidArgument),
              AllOf(HasSubstr("classifier.0.weight"), HasSubstr("row 2"), HasSubstr("65504")));
  ASSERT_OK(convert(with("classifier.0.weight", 70000), Precision::kInt8));
}

TEST(ConvertModel, PassesErrorsOfFilesOn) {
  ASSERT_OK_AND_ASSIGN(const Bytes file, random_vgg16());
  ASSERT_OK_AND_ASSIGN(const auto header, parse_safetensors_header(file, file.size()));
  const auto read = [&](std::uint64_t offset, std::span<std::uint8_t> bytes) -> Result<void> {
    if (offset + bytes.size() > file.size() - 100) {
      return fail(ErrorCode::kUnreadableFile, "a bad sector");
    }
    return {};
  };
  std::size_t left = 1000;
  const auto write = [&](std::span<const std::uint8_t> bytes) -> Result<void> {
    if (bytes.size() > left) return fail(ErrorCode::kUnreadableFile, "the disk is full");
    left -= bytes.size();
    return {};
  };
  const auto ignore = [](std::span<const std::uint8_t>) -> Result<void> { return {}; };
  ASSERT_OK_AND_ASSIGN(auto converter, ModelConverter::create(header, {}));
  EXPECT_EQ(error_message(convert_model(converter, read, ignore), ErrorCode::kUnreadableFile),
            "a bad sector");
  ASSERT_OK_AND_ASSIGN(converter, ModelConverter::create(header, {}));
  EXPECT_EQ(error_message(convert_model(converter, read, write), ErrorCode::kUnreadableFile),
            "the disk is full");
}

TEST(ConvertModel, KnowsPrecisionsByName) {
  EXPECT_EQ(precision_from_name("f32"), Precision::kFloat32);
  EXPECT_EQ(precision_from_name("f16"), Precision::kFloat16);
  EXPECT_EQ(precision_from_name("int8"), Precision::kInt8);
  EXPECT_EQ(precision_from_name("int4"), Precision::kInt4);
  EXPECT_FALSE(precision_from_name("int2"));
}

}  // namespace
}  // namespace gradcam::testing
