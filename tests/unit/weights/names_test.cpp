#include "gradcam/weights/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

namespace gradcam {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::size_t kGrid = 2;
constexpr std::array<std::size_t, 13> kWidths = {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
constexpr std::array<std::size_t, 3> kDense = {9, 8, 5};

// The names that the files of each origin use, written out: an oracle for the tables under test.
const std::map<FileLayout, std::array<std::string, 16>> kNames = {
    {FileLayout::kKeras,
     {"block1_conv1", "block1_conv2", "block2_conv1", "block2_conv2", "block3_conv1",
      "block3_conv2", "block3_conv3", "block4_conv1", "block4_conv2", "block4_conv3",
      "block5_conv1", "block5_conv2", "block5_conv3", "fc1", "fc2", "predictions"}},
    {FileLayout::kTorchvision,
     {"features.0", "features.2", "features.5", "features.7", "features.10", "features.12",
      "features.14", "features.17", "features.19", "features.21", "features.24", "features.26",
      "features.28", "classifier.0", "classifier.3", "classifier.6"}},
    {FileLayout::kTimm,
     {"features.0", "features.2", "features.5", "features.7", "features.10", "features.12",
      "features.14", "features.17", "features.19", "features.21", "features.24", "features.26",
      "features.28", "pre_logits.fc1", "pre_logits.fc2", "head.fc"}}};

std::vector<TensorInfo> tensors_of(FileLayout layout) {
  std::vector<TensorInfo> tensors;
  std::size_t inputs = 3;
  for (std::size_t i = 0; i < 16; ++i) {
    const std::size_t outputs = i < 13 ? kWidths[i] : kDense[i - 13];
    const bool timm = layout == FileLayout::kTimm;
    Shape shape = {outputs, inputs};
    if (i < 13) {
      shape = layout == FileLayout::kKeras ? Shape{outputs, 3, 3, inputs}
                                           : Shape{outputs, inputs, 3, 3};
    } else if (i == 13) {
      shape = timm ? Shape{outputs, inputs, kGrid, kGrid} : Shape{outputs, kGrid * kGrid * inputs};
    } else if (i == 14 && timm) {
      shape = {outputs, inputs, 1, 1};
    }
    const std::string& name = kNames.at(layout)[i];
    tensors.push_back({name + ".bias", DType::kF32, {outputs}});
    tensors.push_back({name + ".weight", DType::kF32, shape});
    inputs = outputs;
  }
  return tensors;
}

Result<WeightMap> map_tensors(std::vector<TensorInfo> tensors) {
  return map_names({.tensors = std::move(tensors), .metadata = {}, .data_offset = 0});
}

class EveryLayout : public ::testing::TestWithParam<FileLayout> {};

TEST_P(EveryLayout, IsMappedToCanonicalNamesAndShapes) {
  // In reverse, as the order of a file's tensors is its own.
  std::vector<TensorInfo> tensors = tensors_of(GetParam());
  std::ranges::reverse(tensors);
  const auto map = map_tensors(tensors);
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(map->layout, GetParam());
  EXPECT_EQ(map->grid, kGrid);
  std::size_t inputs = 3;
  for (std::size_t i = 0; i < 16; ++i) {
    const LayerWeights& layer = map->layers[i];
    const std::size_t outputs = i < 13 ? kWidths[i] : kDense[i - 13];
    EXPECT_EQ(layer.name, kNames.at(FileLayout::kKeras)[i]);
    EXPECT_EQ(tensors[layer.weight].name, kNames.at(GetParam())[i] + ".weight");
    EXPECT_EQ(tensors[layer.bias].name, kNames.at(GetParam())[i] + ".bias");
    EXPECT_FALSE(layer.scale);
    const Shape expected = i < 13    ? Shape{outputs, 3, 3, inputs}
                           : i == 13 ? Shape{outputs, kGrid * kGrid * inputs}
                                     : Shape{outputs, inputs};
    EXPECT_EQ(layer.shape, expected) << layer.name;
    inputs = outputs;
  }
}

TEST_P(EveryLayout, NamesMissingTensors) {
  for (std::size_t drop = 0; drop < 32; ++drop) {
    std::vector<TensorInfo> tensors = tensors_of(GetParam());
    const std::string name = tensors[drop].name;
    tensors.erase(tensors.begin() + static_cast<std::ptrdiff_t>(drop));
    const auto map = map_tensors(tensors);
    ASSERT_FALSE(map) << name;
    EXPECT_EQ(map.error().code, ErrorCode::kCorruptModel);
    EXPECT_THAT(map.error().message, AllOf(HasSubstr("lacks"), HasSubstr(": " + name),
                                           HasSubstr(file_layout_name(GetParam()))));
  }
}

TEST_P(EveryLayout, NamesUnknownTensors) {
  std::vector<TensorInfo> normalised = tensors_of(GetParam());
  normalised.push_back({"features.1.running_mean", DType::kF32, {4}});
  const auto refused = map_tensors(normalised);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr("\"features.1.running_mean\""),
                                             HasSubstr("batch normalisation"), HasSubstr(".pth")));
  for (const char* name : {"features.1.running_var", "fc3.weight", "block1_conv1.weight.1",
                           "predictions.bias_scale", "features.30.weight"}) {
    std::vector<TensorInfo> tensors = tensors_of(GetParam());
    tensors.push_back({name, DType::kF32, {4}});
    const auto map = map_tensors(tensors);
    ASSERT_FALSE(map) << name;
    EXPECT_THAT(map.error().message, AllOf(HasSubstr(name), HasSubstr("does not belong"),
                                           HasSubstr(kNames.at(GetParam())[15] + ".bias")));
  }
}

TEST_P(EveryLayout, RefusesShapesThatDoNotFit) {
  const auto change = [](Shape& shape, std::size_t axis, std::size_t size) { shape[axis] = size; };
  for (std::size_t i = 0; i < 16; ++i) {
    // Any axis but the outputs' in a weight; the outputs' shows in the bias.
    std::vector<TensorInfo> tensors = tensors_of(GetParam());
    const std::size_t rank = tensors[2 * i + 1].shape.size();
    std::vector<std::function<void(Shape&)>> faults = {
        [](Shape& shape) { shape.clear(); },
        [](Shape& shape) { shape.pop_back(); },
        [](Shape& shape) { shape.push_back(1); },
        [&](Shape& shape) { change(shape, 0, 0); },
        [&](Shape& shape) { change(shape, 0, shape[0] + 1); },
    };
    for (std::size_t axis = 1; axis < rank; ++axis) {
      faults.push_back([&, axis](Shape& shape) { change(shape, axis, shape[axis] + 1); });
      faults.push_back([&, axis](Shape& shape) { change(shape, axis, 0); });
    }
    for (const auto& fault : faults) {
      tensors = tensors_of(GetParam());
      fault(tensors[2 * i + 1].shape);
      const auto map = map_tensors(tensors);
      ASSERT_FALSE(map) << tensors[2 * i + 1].name << to_string(tensors[2 * i + 1].shape);
      EXPECT_THAT(map.error().message,
                  AllOf(HasSubstr(kNames.at(GetParam())[i] + "."), HasSubstr("but expected is [")));
    }
    tensors = tensors_of(GetParam());
    tensors[2 * i].shape.push_back(1);
    EXPECT_FALSE(map_tensors(tensors)) << "bias of two dimensions";
  }
}

TEST_P(EveryLayout, TakesOnlyFloatsWithoutScales) {
  for (const DType dtype : {DType::kF64, DType::kF16, DType::kBF16}) {
    std::vector<TensorInfo> tensors = tensors_of(GetParam());
    for (TensorInfo& tensor : tensors) tensor.dtype = dtype;
    EXPECT_TRUE(map_tensors(tensors)) << dtype_name(dtype);
  }
  for (const DType dtype : {DType::kI8, DType::kU8, DType::kI64, DType::kBool, DType::kF8E4M3}) {
    for (const std::size_t place : {0u, 1u, 30u, 31u}) {
      std::vector<TensorInfo> tensors = tensors_of(GetParam());
      tensors[place].dtype = dtype;
      const auto map = map_tensors(tensors);
      ASSERT_FALSE(map) << dtype_name(dtype);
      EXPECT_THAT(map.error().message,
                  AllOf(HasSubstr(tensors[place].name), HasSubstr(dtype_name(dtype))));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Weights, EveryLayout,
                         ::testing::Values(FileLayout::kKeras, FileLayout::kTorchvision,
                                           FileLayout::kTimm),
                         [](const auto& test) {
                           return std::string(file_layout_name(test.param));
                         });

TEST(Names, FindsInt8WeightsWithTheirScales) {
  std::vector<TensorInfo> tensors = tensors_of(FileLayout::kKeras);
  const std::size_t fc1_weight = 27;
  tensors[fc1_weight].dtype = DType::kI8;
  tensors.push_back({"fc1.weight_scale", DType::kF32, {kDense[0]}});
  const auto map = map_tensors(tensors);
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(map->layers[13].scale, tensors.size() - 1);
  EXPECT_EQ(map->layers[13].format, WeightFormat::kInt8);
  EXPECT_FALSE(map->layers[14].scale);
  EXPECT_EQ(map->layers[14].format, WeightFormat::kFloat);

  const auto error_with = [&](auto change) {
    std::vector<TensorInfo> changed = tensors;
    change(changed);
    const auto result = map_tensors(changed);
    return result ? "" : result.error().message;
  };
  EXPECT_THAT(error_with([](auto& t) { t.back().shape = {kDense[0] + 1}; }),
              HasSubstr("\"fc1.weight_scale\" has the shape [10], but expected is [9]"));
  EXPECT_THAT(error_with([](auto& t) { t.back().dtype = DType::kF16; }),
              HasSubstr("\"fc1.weight_scale\" has the dtype F16, but expected is F32"));
  EXPECT_THAT(error_with([&](auto& t) { t[fc1_weight].dtype = DType::kF32; }),
              HasSubstr("\"fc1.weight\" has the dtype F32, but expected is I8"));
  EXPECT_THAT(error_with([](auto& t) { t.pop_back(); }),
              HasSubstr("\"fc1.weight\" has the dtype I8"));
}

TEST(Names, FindsInt4WeightsWithTheirScales) {
  // fc1 over 2 x 2 x 40 inputs, which are two groups.
  std::vector<TensorInfo> tensors = tensors_of(FileLayout::kKeras);
  const std::size_t conv_weight = 25;
  const std::size_t fc1_weight = 27;
  tensors[conv_weight].shape[0] = 40;
  tensors[conv_weight - 1].shape = {40};
  tensors[fc1_weight].dtype = DType::kU8;
  tensors[fc1_weight].shape = {kDense[0], 80};
  tensors.push_back({"fc1.weight_scale", DType::kF32, {kDense[0], 2}});
  const auto map = map_tensors(tensors);
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(map->layers[13].format, WeightFormat::kInt4);
  EXPECT_EQ(map->layers[13].shape, (Shape{kDense[0], 160}));
  EXPECT_EQ(map->layers[13].scale, tensors.size() - 1);
  EXPECT_EQ(map->grid, 2u);

  const auto error_with = [&](auto change) {
    std::vector<TensorInfo> changed = tensors;
    change(changed);
    const auto result = map_tensors(changed);
    return result ? "" : result.error().message;
  };
  EXPECT_THAT(error_with([](auto& t) { t.back().shape = {kDense[0]}; }),
              HasSubstr("\"fc1.weight_scale\" has the shape [9], but expected is [9, 2]"));
  EXPECT_THAT(error_with([](auto& t) { t.back().shape = {kDense[0], 3}; }),
              HasSubstr("\"fc1.weight_scale\" has the shape [9, 3], but expected is [9, 2]"));
  EXPECT_THAT(error_with([&](auto& t) { t[fc1_weight].shape[1] = 81; }),
              HasSubstr("\"fc1.weight\" has the shape [9, 81]"));
  EXPECT_THAT(error_with([&](auto& t) { t[fc1_weight].shape[1] = static_cast<std::size_t>(-1); }),
              HasSubstr("\"fc1.weight\" has the shape"));
  EXPECT_THAT(error_with([](auto& t) { t.pop_back(); }),
              HasSubstr("\"fc1.weight\" has the dtype U8"));
  EXPECT_THAT(error_with([](auto& t) { t[conv_weight].dtype = DType::kU8; }),
              HasSubstr("\"block5_conv3.weight\" has the dtype U8"));
  // 2 x 2 x 41 inputs are no whole blocks.
  EXPECT_THAT(error_with([&](auto& t) {
                t[conv_weight].shape[0] = 41;
                t[conv_weight - 1].shape = {41};
                t[fc1_weight].shape[1] = 82;
              }),
              HasSubstr("\"fc1.weight\" is U8 over 164 inputs"));
}

TEST(Names, RefusesScalesWithTheNamesOfOthers) {
  std::vector<TensorInfo> tensors = tensors_of(FileLayout::kTorchvision);
  tensors.push_back({"classifier.0.weight_scale", DType::kF32, {kDense[0]}});
  EXPECT_FALSE(map_tensors(tensors));
}

TEST(Names, SaysWhatAFileOfAnotherModelHolds) {
  const auto resnet = map_tensors({{"layer1.0.conv1.weight", DType::kF32, {64, 64, 3, 3}}});
  ASSERT_FALSE(resnet);
  EXPECT_EQ(resnet.error().code, ErrorCode::kCorruptModel);
  EXPECT_THAT(resnet.error().message,
              AllOf(HasSubstr("no VGG16"), HasSubstr("found \"layer1.0.conv1.weight\"")));
  const auto empty = map_tensors({});
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().message, HasSubstr("it is empty"));
}

// The convolutions alone, as in Keras's notop file. Those of PyTorch's layouts have the same names.
TEST(Names, SaysWhatAFileWithoutDenseLayersLacks) {
  const auto error_of = [](FileLayout layout) {
    std::vector<TensorInfo> tensors = tensors_of(layout);
    tensors.resize(26);
    const auto map = map_tensors(tensors);
    return map ? "" : map.error().message;
  };
  EXPECT_THAT(error_of(FileLayout::kKeras),
              HasSubstr("fc1.weight, fc1.bias, fc2.weight, fc2.bias and 2 more"));
  EXPECT_THAT(error_of(FileLayout::kTorchvision),
              HasSubstr("of torchvision: classifier.0.weight, classifier.0.bias"));
  EXPECT_EQ(error_of(FileLayout::kTimm), error_of(FileLayout::kTorchvision));
}

// fc1 over 4 x 2 positions: whole channels, but no square.
TEST(Names, RefusesAnOblongGrid) {
  for (const FileLayout layout : {FileLayout::kKeras, FileLayout::kTorchvision}) {
    std::vector<TensorInfo> tensors = tensors_of(layout);
    tensors[27].shape[1] = 8 * kWidths[12];
    const auto map = map_tensors(tensors);
    ASSERT_FALSE(map);
    EXPECT_THAT(map.error().message,
                HasSubstr("the shape [9, 112], but expected is [outputs, side x side x 14]"));
  }
}

TEST(Names, OfficialVgg16HasTheGridOf224Pixels) {
  std::vector<TensorInfo> tensors;
  constexpr std::array<std::size_t, 16> kOutputs = {64,  64,  128, 128, 256, 256,  256,  512,
                                                    512, 512, 512, 512, 512, 4096, 4096, 1000};
  std::size_t inputs = 3;
  for (std::size_t i = 0; i < 16; ++i) {
    const std::string& name = kNames.at(FileLayout::kTorchvision)[i];
    const Shape shape = i < 13    ? Shape{kOutputs[i], inputs, 3, 3}
                        : i == 13 ? Shape{4096, 25088}
                                  : Shape{kOutputs[i], inputs};
    tensors.push_back({name + ".weight", DType::kF32, shape});
    tensors.push_back({name + ".bias", DType::kF32, {kOutputs[i]}});
    inputs = kOutputs[i];
  }
  const auto map = map_tensors(tensors);
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(map->grid, 7u);
}

}  // namespace
}  // namespace gradcam
