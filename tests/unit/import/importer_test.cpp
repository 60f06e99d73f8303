#include "gradcam/import/importer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradcam/import/pytorch.h"
#include "gradcam/weights/metadata.h"
#include "gradcam/weights/to_float.h"
#include "support/result.h"
#include "support/slow.h"
#include "unit/import/tiny_foreign.h"

namespace gradcam {
namespace {

using ::gradcam::testing::error_message;
using ::gradcam::testing::foreign_file;
using ::gradcam::testing::import_bytes;
using ::gradcam::testing::kForeignFiles;
using ::gradcam::testing::kTinyOutputs;
using ::gradcam::testing::tiny_value;
using ::gradcam::testing::tiny_weight;

/// The values of a tensor of a safetensors file.
std::vector<float> imported_values(const std::vector<std::uint8_t>& file,
                                   const SafetensorsHeader& header, const std::string& name) {
  const TensorInfo* tensor = header.find(name);
  if (tensor == nullptr || tensor->dtype != DType::kF32) {
    ADD_FAILURE() << name;
    return {};
  }
  const auto bytes =
      std::span(file).subspan(static_cast<std::size_t>(header.data_offset + tensor->begin),
                              static_cast<std::size_t>(tensor->end - tensor->begin));
  std::vector<float> values(bytes.size() / sizeof(float));
  EXPECT_TRUE(to_float32(DType::kF32, bytes, values)) << name;
  return values;
}

TEST(Importer, FilesOfOtherPrograms) {
  for (const char* name : kForeignFiles) {
    SCOPED_TRACE(name);
    const auto foreign = foreign_file(name);
    EXPECT_TRUE(is_foreign_model(foreign));
    ASSERT_OK_AND_ASSIGN(const auto file, import_bytes(foreign, {.source = name}));
    ASSERT_OK_AND_ASSIGN(const SafetensorsHeader header,
                         parse_safetensors_header(file, file.size()));
    ASSERT_OK_AND_ASSIGN(const WeightMap map, map_names(header));
    EXPECT_EQ(map.layout, FileLayout::kKeras);
    EXPECT_EQ(map.grid, testing::kTinyGrid);
    for (std::size_t i = 0; i < kLayerNames.size(); ++i) {
      const std::string layer(kLayerNames[i]);
      EXPECT_EQ(imported_values(file, header, layer + ".weight"), tiny_weight(i)) << layer;
      std::vector<float> bias;
      for (std::size_t o = 0; o < kTinyOutputs[i]; ++o) bias.push_back(tiny_value(i, o, 1, 1, 1));
      EXPECT_EQ(imported_values(file, header, layer + ".bias"), bias) << layer;
    }
    ASSERT_OK_AND_ASSIGN(const ModelMetadata metadata, parse_metadata(header.metadata));
    EXPECT_EQ(metadata.source, name);
    ASSERT_OK_AND_ASSIGN(const Preprocess preprocess, parse_preprocess(metadata.preprocess));
    EXPECT_EQ(preprocess.size, 64);
    EXPECT_EQ(preprocess.bgr, std::string(name).starts_with("keras"));
  }
}

TEST(Importer, WeightsInAFileBeside) {
  const std::string name = "pytorch_beside.onnx";
  auto both = foreign_file(name);
  EXPECT_TRUE(is_foreign_model(both));
  EXPECT_NE(error_message(import_bytes(both), ErrorCode::kUnsupportedFormat)
                .find("\"pytorch_beside.onnx.data\", which is to be with it"),
            std::string::npos);
  const auto data = foreign_file(name + ".data");
  both.insert(both.end(), data.begin(), data.end());
  std::vector<std::string> asked;
  const auto import_both = [&](std::size_t beside) {
    ImportOptions options;
    options.find_beside = [&, beside](const std::string& location) {
      asked.push_back(location);
      return beside;
    };
    return import_bytes(both, std::move(options), beside);
  };
  ASSERT_OK_AND_ASSIGN(const auto file, import_both(data.size()));
  EXPECT_EQ(asked, std::vector<std::string>{name + ".data"});
  ASSERT_OK_AND_ASSIGN(const SafetensorsHeader header, parse_safetensors_header(file, file.size()));
  for (std::size_t i = 0; i < kLayerNames.size(); ++i) {
    const std::string layer(kLayerNames[i]);
    EXPECT_EQ(imported_values(file, header, layer + ".weight"), tiny_weight(i)) << layer;
  }
  both.pop_back();
  EXPECT_NE(error_message(import_both(data.size() - 1), ErrorCode::kCorruptModel)
                .find("that file has " + std::to_string(data.size() - 1)),
            std::string::npos);
}

/// A tensor of an imported file.
std::vector<float> imported_tensor(const std::string& file_name, const std::string& tensor) {
  const auto file = import_bytes(foreign_file(file_name));
  if (!file) {
    ADD_FAILURE() << file.error().message;
    return {};
  }
  const auto header = parse_safetensors_header(*file, file->size());
  EXPECT_TRUE(header && map_names(*header));
  return header ? imported_values(*file, *header, tensor) : std::vector<float>();
}

TEST(Importer, TwoDenseLayersBecomeThree) {
  const std::size_t width = kTinyOutputs[kFc1];
  std::vector<float> identity(width * width);
  for (std::size_t i = 0; i < width; ++i) identity[i * width + i] = 1;
  EXPECT_EQ(imported_tensor("pytorch_two.pth", "fc1.weight"), tiny_weight(kFc1));
  EXPECT_EQ(imported_tensor("pytorch_two.pth", "fc2.weight"), identity);
  EXPECT_EQ(imported_tensor("pytorch_two.pth", "fc2.bias"), std::vector<float>(width));
  std::vector<float> predictions;  // theirs, of three inputs, and a zero for the fourth
  const auto tiny = tiny_weight(kPredictions);
  for (std::size_t o = 0; o < kTinyOutputs[kPredictions]; ++o) {
    predictions.insert(predictions.end(), &tiny[o * 3], &tiny[o * 3] + 3);
    predictions.push_back(0);
  }
  EXPECT_EQ(imported_tensor("pytorch_two.pth", "predictions.weight"), predictions);
}

TEST(Importer, OneDenseLayerBehindAnAverage) {
  constexpr const char* kFile = "keras_average.h5";
  constexpr std::size_t kChannels = 3;
  constexpr std::size_t kClasses = 3;
  constexpr std::size_t kPositions = testing::kTinyGrid * testing::kTinyGrid;
  std::vector<float> fc1;
  std::vector<float> fc1_bias;
  for (const float sign : {1.0f, -1.0f}) {
    for (std::size_t o = 0; o < kClasses; ++o) {
      for (std::size_t i = 0; i < kPositions * kChannels; ++i) {
        fc1.push_back(sign * tiny_value(kFc2, o, 0, 0, i % kChannels) / kPositions);
      }
      fc1_bias.push_back(sign * tiny_value(kFc2, o, 1, 1, 1));
    }
  }
  EXPECT_EQ(imported_tensor(kFile, "fc1.weight"), fc1);
  EXPECT_EQ(imported_tensor(kFile, "fc1.bias"), fc1_bias);
  std::vector<float> identity(4 * kClasses * kClasses);
  for (std::size_t i = 0; i < 2 * kClasses; ++i) identity[i * 2 * kClasses + i] = 1;
  EXPECT_EQ(imported_tensor(kFile, "fc2.weight"), identity);
  EXPECT_EQ(imported_tensor(kFile, "predictions.weight"),
            (std::vector<float>{1, 0, 0, -1, 0, 0, 0, 1, 0, 0, -1, 0, 0, 0, 1, 0, 0, -1}));
  EXPECT_EQ(imported_tensor(kFile, "predictions.bias"), std::vector<float>(kClasses));
}

TEST(Importer, LabelsThatDoNotFit) {
  const std::string message =
      error_message(import_bytes(foreign_file("keras.h5"), {.labels = {"a", "b", "c"}}),
                    ErrorCode::kInvalidArgument);
  EXPECT_NE(message.find("3 labels, but the model has 2 classes"), std::string::npos) << message;
}

TEST(Importer, PreprocessOfOtherTraining) {
  const Preprocess unit{.mean = {0, 0, 0}, .std = {1, 1, 1}};
  ASSERT_OK_AND_ASSIGN(const auto file,
                       import_bytes(foreign_file("keras.h5"), {.preprocess = unit}));
  ASSERT_OK_AND_ASSIGN(const SafetensorsHeader header, parse_safetensors_header(file, file.size()));
  ASSERT_OK_AND_ASSIGN(const Preprocess preprocess,
                       parse_preprocess(header.metadata.at("preprocess")));
  EXPECT_FALSE(preprocess.bgr);
  EXPECT_EQ(preprocess.scale, unit.scale);
  EXPECT_EQ(preprocess.mean, unit.mean);
  EXPECT_EQ(preprocess.std, unit.std);
  EXPECT_EQ(preprocess.resize, ResizeRule::kSquash);
}

// A file may end anywhere; what it ends with is said, and nothing is read behind its end.
TEST(Importer, FilesCutShort) {
  for (const char* name : kForeignFiles) {
    const auto whole = foreign_file(name);
    for (std::size_t size = 0; size < whole.size(); size += size < 4096 ? 13 : 211) {
      SCOPED_TRACE(std::string(name) + " cut to " + std::to_string(size));
      const auto result = import_bytes(std::span(whole).first(size));
      ASSERT_FALSE(result);
      EXPECT_FALSE(result.error().message.empty());
      EXPECT_LT(result.error().message.size(), 1000u);
    }
  }
}

class ImporterOf : public ::testing::TestWithParam<const char*> {};

// Whatever a byte says, the importer ends, and gives a file or an error. (tests/fuzz goes on.)
TEST_P(ImporterOf, DamagedBytes) {
  auto file = foreign_file(GetParam());
  constexpr std::size_t kBeside = 4096;
  ImportOptions options;
  options.find_beside = [](const std::string&) { return kBeside; };
  file.resize(file.size() + kBeside);
  constexpr std::array<std::uint8_t, 3> kChanges = {0x01, 0x80, 0xff};
  constexpr std::size_t kMore = testing::kIsSlow ? 3 : 1;
  std::size_t changes = 0;
  for (std::size_t i = 0; i < file.size(); i += kMore * (i < 8192 ? 11 : 199)) {
    const std::uint8_t change = kChanges[changes++ % kChanges.size()];
    file[i] ^= change;
    const auto result = import_bytes(file, options, kBeside);
    if (!result) {
      EXPECT_LT(result.error().message.size(), 1000u);
    }
    file[i] ^= change;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ImporterOf,
                         ::testing::Values("keras.h5", "keras.keras", "keras_average.h5",
                                           "pytorch.pth", "pytorch_legacy.pth", "pytorch_two.pth",
                                           "pytorch_script.pt", "pytorch_trace.pt", "pytorch.onnx",
                                           "pytorch_beside.onnx"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

/// pytorch_trace.pt with other code in the place of what it has, padded to be as long.
Result<std::vector<std::uint8_t>> import_with_code(std::string_view code, std::string other) {
  auto file = foreign_file("pytorch_trace.pt");
  const auto found = std::search(file.begin(), file.end(), code.begin(), code.end());
  if (found == file.end() || other.size() > code.size()) {
    ADD_FAILURE() << code;
    return {};
  }
  other.resize(code.size(), ' ');
  std::copy(other.begin(), other.end(), found);
  return import_bytes(file);
}

TEST(Importer, CodeOfTorchScript) {
  struct Change {
    const char* code;
    const char* other;
    const char* says;
  };
  for (const auto& [code, other, says] : {
           Change{"[1, 1], [1, 1], [1, 1],", "[1, 1], [1, 1], [2, 2],", "dilation [2, 2]"},
           Change{"[1, 1], [1, 1], [1, 1],", "[2, 2], [1, 1], [1, 1],", "stride [2, 2]"},
           Change{"[1, 1], [1, 1], [1, 1],", "[1, 1], [3, 1], [1, 1],", "padding [3, 1]"},
           Change{"[1, 1], [1, 1], [1, 1],", "[1, 1], [0, 0], [1, 1],", "a padding of 1"},
           Change{"[0, 0], 1, False", "[0, 0], 2, False", "groups 2"},
           Change{"[2, 2], [2, 2], [0, 0]", "[3, 3], [2, 2], [0, 0]", "kernel_size [3, 3]"},
           Change{"[2, 2], [2, 2], [0, 0]", "[2, 2], [1, 1], [0, 0]", "stride [1, 1]"},
           Change{"[2, 2], [2, 2], [0, 0]", "[2, 2], [2, 2], [1, 1]", "padding [1, 1]"},
           Change{"torch.relu(", "torch.tanh(", "\"torch.tanh\""},
           Change{"torch.flatten(", "torch.permute(", "\"torch.permute\""},
           Change{"return torch.relu(argument_1)", "return argument_1", "expected is a ReLU"},
           Change{"getattr(self, \"28\")", "getattr(self, \"26\")", "\"features.28.weight\""},
           Change{"weight = self.weight", "weight = weight.data", "weights that it computes"},
           Change{"bias = self.bias", "for b in bias:", "has a loop"},
           Change{"features = self.features", "features = self.feature", "calls what is no"},
       }) {
    SCOPED_TRACE(other);
    const std::string message =
        error_message(import_with_code(code, other), ErrorCode::kUnsupportedFormat);
    EXPECT_NE(message.find(says), std::string::npos) << message;
  }
  // What makes no difference.
  for (const auto& [code, other] : {
           std::pair("[2, 2], [2, 2], [0, 0]", "2, None, 0"),
           std::pair("[1, 1], [1, 1], [1, 1],", "1, 1, [1, 1],"),
       }) {
    EXPECT_TRUE(import_with_code(code, other)) << other;
  }
}

// It ends in an error, and soon.
TEST(Importer, CodeOfTorchScriptWithoutEnd) {
  const std::string_view calls = "_0 = (classifier).forward((features).forward(input, ), )";
  for (const char* other : {"_0 = (self).forward((self).forward(input, ), )",
                            "_0 = (classifier).forward((features).forward(input, )"}) {
    const auto result = import_with_code(calls, other);
    ASSERT_FALSE(result) << other;
    EXPECT_NE(result.error().message.find("code"), std::string::npos) << result.error().message;
  }
  const auto file = foreign_file("pytorch_trace.pt");
  const std::string_view members = "_30 = getattr";
  const auto found = std::search(file.begin(), file.end(), members.begin(), members.end());
  ASSERT_NE(found, file.end());
  for (const std::string_view again :
       {"(", "[", "-", "if ", "a=", "a,", "f(", "\"", "if a:\n     "}) {
    auto changed = file;
    constexpr std::size_t kBytes = 1000;
    for (std::size_t i = 0; i < kBytes; ++i) {
      changed[static_cast<std::size_t>(found - file.begin()) + i] =
          static_cast<std::uint8_t>(again[i % again.size()]);
    }
    EXPECT_FALSE(import_bytes(changed)) << again;
  }
}

/// A field of bytes, as Protocol Buffers write it.
std::string protobuf_field(int number, const std::string& bytes) {
  constexpr std::size_t kGroup = 128;
  std::string field = {static_cast<char>(number * 8 + 2)};
  std::size_t size = bytes.size();
  for (; size >= kGroup; size /= kGroup) field += static_cast<char>(size % kGroup + kGroup);
  return field + static_cast<char>(size) + bytes;
}

// Each name of a constant would have a copy.
TEST(Importer, LongListsOfOnnx) {
  std::string tensor = protobuf_field(8, "a");
  for (int i = 0; i < 2; ++i) tensor += protobuf_field(7, std::string(600, 1));
  const std::string file = "\x08\x08" + protobuf_field(7, protobuf_field(5, tensor));
  const std::string message =
      error_message(import_bytes({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()}),
                    ErrorCode::kCorruptModel);
  EXPECT_NE(message.find("list of integers"), std::string::npos) << message;
}

/// A text in a pickle.
std::string pickled(const std::string& text) {
  constexpr std::size_t kByte = 256;
  std::string bytes = "X";
  for (std::size_t size = text.size(), i = 0; i < 4; ++i, size /= kByte) {
    bytes += static_cast<char>(size % kByte);
  }
  return bytes + text;
}

std::string repeated(std::size_t times, const std::string& text) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

/// A file of PyTorch before it made archives.
std::vector<std::uint8_t> legacy_file(const std::string& state, const std::string& keys,
                                      const std::string& storages) {
  const std::string magic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
  std::string file;
  for (const std::string& content :
       {magic, std::string("M\xe9\x03"), std::string("}"), state, keys}) {
    file += "\x80\x02" + content + ".";
  }
  file += storages;
  return {file.begin(), file.end()};
}

// Many modules that share one list of what is in them.
TEST(Importer, DrawersOfPyTorchAgainAndAgain) {
  const std::string drawer =
      "}q" + std::string(1, 0) + "K\x01q\x01" + "0(" + repeated(300, "h\x01h\x01") + "u0";
  const std::string modules = "}" + pickled("_modules") + "q\x02" + "0(" +
                              repeated(1000, "h\x02h" + std::string(1, 0)) + "u";
  const std::string message =
      error_message(import_bytes(legacy_file(drawer + modules, "]", "")), ErrorCode::kCorruptModel);
  EXPECT_NE(message.find("more of its tensors"), std::string::npos) << message;
}

// However often it starts again, for the lengths of its storages.
TEST(Importer, PicklesOfPyTorchAreReadOnce) {
  const std::string storage = "(" + pickled("storage") + "ctorch\nFloatStorage\n" + pickled("0") +
                              pickled("cpu") + "K\x01NtQ";
  const std::size_t much = std::size_t{50} << 10;
  const auto file = legacy_file(repeated(much, "N0") + storage, "](" + pickled("0") + "e",
                                std::string{1, 0, 0, 0, 0, 0, 0, 0} + std::string(4, 0));
  KnownPickles known;
  for (const std::uint64_t most :
       {static_cast<std::uint64_t>(file.size()), std::uint64_t{32} << 10}) {
    Window window(file.size());
    std::uint64_t provided = 0;
    Result<ForeignVgg16> network = read_pytorch_legacy(window, known);
    for (auto lacking = window.lacking(); lacking; lacking = window.lacking()) {
      provided += lacking->end - lacking->begin;
      ASSERT_OK(window.provide(
          std::span(file).subspan(static_cast<std::size_t>(lacking->begin),
                                  static_cast<std::size_t>(lacking->end - lacking->begin))));
      network = read_pytorch_legacy(window, known);
    }
    EXPECT_NE(error_message(network, ErrorCode::kCorruptModel).find("no tensors by name"),
              std::string::npos);
    EXPECT_LE(provided, most);
  }
}

TEST(Importer, OtherFiles) {
  const std::vector<std::uint8_t> nothing;
  const std::string message = error_message(import_bytes(nothing), ErrorCode::kUnsupportedFormat);
  EXPECT_NE(message.find(".pth"), std::string::npos) << message;
  EXPECT_FALSE(is_foreign_model(nothing));
  // The length of a header of safetensors, which may begin with any byte.
  for (const std::uint8_t first : {0x80, 0x50, 0x89, 0x08}) {
    const std::vector<std::uint8_t> safetensors = {first, 0x02, 0x12, 0, 0, 0, 0, 0};
    EXPECT_FALSE(is_foreign_model(safetensors)) << int{first};
  }
  // A pickle that says how many bytes follow: a small number, too.
  const std::vector<std::uint8_t> pickle = {0x80, 0x04, 0x95, 0x20, 0, 0, 0, 0};
  EXPECT_TRUE(is_foreign_model(pickle));
}

TEST(Importer, TakesOnlyWhatItWants) {
  const auto file = foreign_file("pytorch.pth");
  ModelImporter importer(file.size(), {});
  EXPECT_EQ(importer.file_bytes(), 0u);
  const std::vector<std::uint8_t> bytes(7);
  EXPECT_NE(error_message(importer.provide(bytes), ErrorCode::kInvalidArgument).find("7 bytes"),
            std::string::npos);
}

}  // namespace
}  // namespace gradcam
