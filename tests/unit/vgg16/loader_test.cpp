#include "gradcam/vgg16/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "support/generated_vgg16.h"
#include "support/random.h"
#include "support/result.h"
#include "support/tensor_file.h"

namespace gradcam::testing {
namespace {

const LoadOptions kOptions = {.convolution = ConvAlgorithm::kReference};

class Loader : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(file_, TensorFile::read(oracle_fixture("tiny64.torchvision")));
    ASSERT_OK_AND_ASSIGN(const TensorFile oracle,
                         TensorFile::read(oracle_fixture("tiny64.expected")));
    ASSERT_OK_AND_ASSIGN(input_, oracle.tensor("input"));
  }

  static Result<Vgg16> load(const TensorFile& file) {
    GRADCAM_TRY(const auto bytes, file.serialize());
    return load_vgg16(bytes, kOptions);
  }

  Result<Vgg16Loader> begin(const TensorFile& file) const {
    GRADCAM_TRY(const auto bytes, file.serialize());
    GRADCAM_TRY(SafetensorsHeader header, parse_safetensors_header(bytes, bytes.size()));
    return Vgg16Loader::begin(std::move(header), kOptions);
  }

  /// The loader's number of a tensor.
  static std::size_t number(const Vgg16Loader& loader, std::string_view name) {
    return static_cast<std::size_t>(loader.header().find(name) - loader.header().tensors.data());
  }

  std::span<const std::uint8_t> bytes_of(const Vgg16Loader& loader, std::size_t tensor) const {
    return file_.find(loader.header().tensors[tensor].name)->bytes;
  }

  /// What the model computes: equal bits if and only if the weights are equal.
  Result<std::vector<float>> logits(const Vgg16& model) const {
    GRADCAM_TRY(Activations activations, model.make_activations());
    GRADCAM_CHECK_OK(model.forward(input_, activations));
    return std::vector<float>(activations.logits.values().begin(),
                              activations.logits.values().end());
  }

  void expect_same_model(const Vgg16& model) {
    ASSERT_OK_AND_ASSIGN(const Vgg16 plain, load(file_));
    ASSERT_OK_AND_ASSIGN(const auto expected, logits(plain));
    ASSERT_OK_AND_ASSIGN(const auto actual, logits(model));
    EXPECT_EQ(actual, expected);
  }

  /// Loading must fail as a corrupt model, in a sentence with both of these in it.
  static void expect_corrupt(const TensorFile& file, const std::string& name,
                             const std::string& reason) {
    const std::string message = error_message(load(file), ErrorCode::kCorruptModel);
    EXPECT_NE(message.find(name), std::string::npos) << message;
    EXPECT_NE(message.find(reason), std::string::npos) << message;
  }

  TensorFile file_;
  Tensor input_;
};

TEST_F(Loader, TakesTensorsInAnyOrderOfTheFile) {
  TensorFile shuffled = file_;
  RandomFloats random(21);
  for (std::size_t i = shuffled.entries.size() - 1; i > 0; --i) {
    std::swap(shuffled.entries[i], shuffled.entries[random.bits() % (i + 1)]);
  }
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, load(shuffled));
  expect_same_model(model);
}

TEST_F(Loader, TakesWholeTensorsInAnyOrder) {
  ASSERT_OK_AND_ASSIGN(Vgg16Loader loader, begin(file_));
  for (std::size_t i = loader.header().tensors.size(); i-- > 0;) {
    ASSERT_OK(loader.provide(i, bytes_of(loader, i)));
  }
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, loader.finish());
  expect_same_model(model);
}

TEST_F(Loader, TakesRowsOfAllTensorsInTurns) {
  ASSERT_OK_AND_ASSIGN(Vgg16Loader loader, begin(file_));
  const std::size_t tensors = loader.header().tensors.size();
  RandomFloats random(22);
  std::vector<std::size_t> given(tensors);
  for (std::size_t complete = 0; complete < tensors;) {
    complete = 0;
    for (std::size_t i = 0; i < tensors; ++i) {
      const auto bytes = bytes_of(loader, i);
      const std::size_t row = loader.row_bytes(i);
      const std::size_t left = (bytes.size() - given[i]) / row;
      const std::size_t rows = std::min<std::size_t>(left, random.bits() % 4);
      ASSERT_OK(loader.provide(i, bytes.subspan(given[i], rows * row)));
      given[i] += rows * row;
      complete += given[i] == bytes.size();
    }
  }
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, loader.finish());
  expect_same_model(model);
}

TEST_F(Loader, IgnoresEmptyPiecesOfACompleteTensor) {
  ASSERT_OK_AND_ASSIGN(Vgg16Loader loader, begin(file_));
  for (std::size_t i = 0; i < loader.header().tensors.size(); ++i) {
    ASSERT_OK(loader.provide(i, bytes_of(loader, i)));
  }
  for (std::size_t i = 0; i < loader.header().tensors.size(); ++i) {
    ASSERT_OK(loader.provide(i, {}));
  }
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, loader.finish());
  expect_same_model(model);
}

TEST_F(Loader, RefusesPiecesThatAreNoWholeRows) {
  ASSERT_OK_AND_ASSIGN(Vgg16Loader loader, begin(file_));
  const std::size_t fc1 = number(loader, "classifier.0.weight");
  EXPECT_EQ(loader.row_bytes(fc1), 76 * sizeof(float));
  const std::string message =
      error_message(loader.provide(fc1, bytes_of(loader, fc1).first(loader.row_bytes(fc1) - 1)),
                    ErrorCode::kInvalidArgument);
  EXPECT_NE(message.find("classifier.0.weight"), std::string::npos) << message;
}

TEST_F(Loader, RefusesMoreThanATensorHas) {
  ASSERT_OK_AND_ASSIGN(Vgg16Loader loader, begin(file_));
  const std::size_t bias = number(loader, "features.28.bias");
  const auto bytes = bytes_of(loader, bias);
  std::vector<std::uint8_t> long_bytes(bytes.begin(), bytes.end());
  long_bytes.resize(long_bytes.size() + loader.row_bytes(bias));
  EXPECT_NE(error_message(loader.provide(bias, long_bytes), ErrorCode::kInvalidArgument), "");
  ASSERT_OK(loader.provide(bias, bytes));
  const std::string message =
      error_message(loader.provide(bias, bytes), ErrorCode::kInvalidArgument);
  EXPECT_NE(message.find("features.28.bias"), std::string::npos) << message;
}

TEST_F(Loader, RefusesATensorThatTheFileDoesNotHave) {
  ASSERT_OK_AND_ASSIGN(Vgg16Loader loader, begin(file_));
  const std::size_t tensors = loader.header().tensors.size();
  EXPECT_NE(error_message(loader.provide(tensors, {}), ErrorCode::kInvalidArgument), "");
}

TEST_F(Loader, RefusesToFinishWithoutEveryRow) {
  ASSERT_OK_AND_ASSIGN(Vgg16Loader loader, begin(file_));
  const std::size_t last = number(loader, "classifier.3.weight");
  for (std::size_t i = 0; i < loader.header().tensors.size(); ++i) {
    const auto bytes = bytes_of(loader, i);
    ASSERT_OK(
        loader.provide(i, i == last ? bytes.first(bytes.size() - loader.row_bytes(i)) : bytes));
  }
  const std::string message = error_message(loader.finish(), ErrorCode::kInvalidArgument);
  EXPECT_NE(message.find("classifier.3.weight"), std::string::npos) << message;
  EXPECT_NE(message.find("17 of 18"), std::string::npos) << message;
  ASSERT_OK(loader.provide(last, bytes_of(loader, last).last(loader.row_bytes(last))));
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, loader.finish());
  expect_same_model(model);
}

TEST_F(Loader, FinishesOnce) {
  ASSERT_OK_AND_ASSIGN(Vgg16Loader loader, begin(file_));
  for (std::size_t i = 0; i < loader.header().tensors.size(); ++i) {
    ASSERT_OK(loader.provide(i, bytes_of(loader, i)));
  }
  ASSERT_OK(loader.finish());
  EXPECT_NE(error_message(loader.finish(), ErrorCode::kInvalidArgument), "");
}

TEST_F(Loader, NamesTheTensorAndRowOfAValueThatIsNotFinite) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const std::string name : {"features.7.weight", "classifier.0.weight", "features.0.bias"}) {
      TensorFile changed = file_;
      TensorFile::Entry& entry = *changed.find(name);
      const std::size_t row = entry.bytes.size() / entry.info.shape[0];
      std::memcpy(entry.bytes.data() + 3 * row - sizeof bad, &bad, sizeof bad);
      expect_corrupt(changed, name, "row 2");
    }
  }
}

TEST_F(Loader, CanReplaceARowThatWasRefused) {
  // Whoever goes on after an error gets an error or the right model, never half of one.
  ASSERT_OK_AND_ASSIGN(Vgg16Loader loader, begin(file_));
  const std::size_t fc1 = number(loader, "classifier.0.weight");
  for (std::size_t i = 0; i < loader.header().tensors.size(); ++i) {
    if (i == fc1) continue;
    ASSERT_OK(loader.provide(i, bytes_of(loader, i)));
  }
  const auto good = bytes_of(loader, fc1);
  const std::size_t last_row = good.size() - loader.row_bytes(fc1);
  std::vector<std::uint8_t> bad(good.begin(), good.end());
  std::fill_n(bad.begin() + static_cast<std::ptrdiff_t>(last_row), 4, std::uint8_t{0xFF});  // NaN
  EXPECT_NE(error_message(loader.provide(fc1, bad), ErrorCode::kCorruptModel), "");
  EXPECT_NE(error_message(loader.finish(), ErrorCode::kInvalidArgument), "");
  ASSERT_OK(loader.provide(fc1, good.subspan(last_row)));
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, loader.finish());
  expect_same_model(model);
}

TEST_F(Loader, NamesAMissingTensor) {
  TensorFile changed = file_;
  std::erase_if(changed.entries, [](const auto& e) { return e.info.name == "features.12.bias"; });
  expect_corrupt(changed, "features.12.bias", "lacks");
}

TEST_F(Loader, NamesATensorOfTheWrongShape) {
  TensorFile changed = file_;
  TensorFile::Entry& entry = *changed.find("features.5.weight");
  std::swap(entry.info.shape[0], entry.info.shape[1]);
  expect_corrupt(changed, "features.5.weight", "[outputs, 5, 3, 3]");

  changed = file_;
  changed.find("classifier.6.bias")->info.shape = {5, 3};
  expect_corrupt(changed, "classifier.6.bias", "[15]");
}

TEST_F(Loader, NamesATensorOfAnUnusableType) {
  TensorFile changed = file_;
  TensorFile::Entry& entry = *changed.find("features.5.bias");
  entry.info.dtype = DType::kI32;
  expect_corrupt(changed, "features.5.bias", "I32");
}

TEST_F(Loader, RefusesLabelsThatAreNotOnePerClass) {
  TensorFile changed = file_;
  changed.metadata["labels"] = R"(["cat", "dog"])";
  expect_corrupt(changed, "2 labels", "15");
}

TEST_F(Loader, RefusesPreprocessingOfAnotherSize) {
  TensorFile changed = file_;
  std::string& preprocess = changed.metadata["preprocess"];
  preprocess.replace(preprocess.find("64"), 2, "96");
  expect_corrupt(changed, "96", "64");
}

TEST(LoaderOfLargePhotos, RefusesThoseThatWouldTakeGigabytesForALayer) {
  ASSERT_OK_AND_ASSIGN(const SafetensorsHeader usual, generated_vgg16_header());
  const auto of_side = [&](std::size_t side) {
    SafetensorsHeader header = usual;
    const std::size_t grid = side / kTotalStride;
    std::ranges::find(header.tensors, "fc1.weight", &TensorInfo::name)->shape[1] =
        grid * grid * 512;
    header.metadata["preprocess"] =
        to_json(Preprocess{.resize = ResizeRule::kSquash, .size = static_cast<int>(side)});
    return Vgg16Loader::begin(std::move(header));
  };
  ASSERT_OK(of_side(2048));
  for (const std::size_t side : {2080, 4096}) {
    const std::string message = error_message(of_side(side), ErrorCode::kCorruptModel);
    EXPECT_NE(message.find("block1_conv1"), std::string::npos) << message;
    EXPECT_NE(message.find(std::to_string(side)), std::string::npos) << message;
  }
}

TEST_F(Loader, MakesUpLabelsAndPreprocessingWhereAFileHasNone) {
  TensorFile plain = file_;
  plain.metadata.clear();
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, load(plain));
  ASSERT_EQ(model.info().metadata.labels.size(), 15u);
  EXPECT_EQ(model.info().metadata.labels[14], "class 14");
  EXPECT_EQ(model.info().preprocess.size, 64);
  EXPECT_EQ(model.info().preprocess.resize, ResizeRule::kShorterSide);
  EXPECT_EQ(model.info().preprocess.mean, Preprocess{}.mean);
  expect_same_model(model);
}

TEST_F(Loader, RunsWhatItIsToldTo) {
  ASSERT_OK_AND_ASSIGN(const auto bytes, file_.serialize());
  for (const ConvAlgorithm algorithm : conv_algorithms()) {
    ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_vgg16(bytes, {.convolution = algorithm}));
    for (std::size_t i = 0; i < kConvLayers; ++i) {
      EXPECT_EQ(model.info().layers[i].algorithm, conv_algorithm_name(algorithm));
    }
  }
  ASSERT_OK_AND_ASSIGN(const Vgg16 model, load_vgg16(bytes));
  for (std::size_t i = 0; i < kConvLayers; ++i) {
    const LayerInfo& layer = model.info().layers[i];
    EXPECT_EQ(layer.algorithm, conv_algorithm_name(default_conv_algorithm(layer.weight[3])));
  }
  EXPECT_EQ(model.info().layers.back().algorithm, "gemv");
}

TEST_F(Loader, RefusesATruncatedFile) {
  ASSERT_OK_AND_ASSIGN(const auto bytes, file_.serialize());
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{7}, std::size_t{100}, bytes.size() / 2, bytes.size() - 1}) {
    const auto part = std::span(bytes).first(size);
    EXPECT_NE(error_message(load_vgg16(part, kOptions), ErrorCode::kCorruptModel), "") << size;
  }
}

}  // namespace
}  // namespace gradcam::testing
