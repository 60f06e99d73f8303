// One tiny network under three names (tests/fixtures/make_weights.py): torchvision's and timm's
// files, read, mapped and permuted here, hold what PyTorch permuted into the canonical file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "gradcam/weights/convert.h"
#include "gradcam/weights/metadata.h"
#include "gradcam/weights/names.h"
#include "support/data_path.h"

namespace gradcam::testing {
namespace {

using ::testing::ElementsAre;

struct Layer {
  std::string name;
  Shape shape;
  std::vector<float> weight;
  std::vector<float> bias;
};

struct File {
  SafetensorsHeader header;
  WeightMap map;
  std::vector<Layer> layers;  // canonical
};

std::vector<float> read_values(std::span<const std::uint8_t> file, const SafetensorsHeader& header,
                               std::size_t index) {
  const TensorInfo& tensor = header.tensors[index];
  const auto bytes = file.subspan(static_cast<std::size_t>(header.data_offset + tensor.begin),
                                  static_cast<std::size_t>(tensor.end - tensor.begin));
  std::vector<float> values(bytes.size() / dtype_size(tensor.dtype));
  const auto converted = to_float32(tensor.dtype, bytes, values);
  EXPECT_TRUE(converted) << tensor.name << ": " << converted.error().message;
  return values;
}

void make_canonical(Layer& layer, const WeightMap& map) {
  const std::vector<float> in = layer.weight;
  if (layer.shape.size() == 4) {
    oihw_to_ohwi(in, layer.shape[0], layer.shape[3], 3, 3, layer.weight);
  } else if (layer.name == "fc1") {
    const std::size_t columns = layer.shape[1];
    const std::size_t channels = columns / (map.grid * map.grid);
    for (std::size_t o = 0; o < layer.shape[0]; ++o) {
      chw_columns_to_hwc(std::span(in).subspan(o * columns, columns), channels, map.grid, map.grid,
                         std::span(layer.weight).subspan(o * columns, columns));
    }
  }
}

Result<File> read_file(const std::string& name) {
  std::ifstream stream(data_path("fixtures/weights/" + name), std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  File file;
  GRADCAM_TRY(file.header, parse_safetensors_header(bytes, bytes.size()));
  GRADCAM_TRY(file.map, map_names(file.header));
  for (const LayerWeights& weights : file.map.layers) {
    Layer layer = {weights.name, weights.shape, read_values(bytes, file.header, weights.weight),
                   read_values(bytes, file.header, weights.bias)};
    if (file.map.layout != FileLayout::kKeras) make_canonical(layer, file.map);
    file.layers.push_back(std::move(layer));
  }
  return file;
}

class ForeignFile : public ::testing::TestWithParam<std::pair<std::string, FileLayout>> {};

TEST_P(ForeignFile, HoldsTheCanonicalNetwork) {
  const auto canonical = read_file("keras.safetensors");
  ASSERT_TRUE(canonical) << canonical.error().message;
  EXPECT_EQ(canonical->map.layout, FileLayout::kKeras);
  const auto foreign = read_file(GetParam().first + ".safetensors");
  ASSERT_TRUE(foreign) << foreign.error().message;
  EXPECT_EQ(foreign->map.layout, GetParam().second);
  EXPECT_EQ(foreign->map.grid, 3u);
  for (std::size_t i = 0; i < kLayerNames.size(); ++i) {
    EXPECT_EQ(foreign->layers[i].name, canonical->layers[i].name);
    EXPECT_EQ(foreign->layers[i].shape, canonical->layers[i].shape) << kLayerNames[i];
    EXPECT_EQ(foreign->layers[i].weight, canonical->layers[i].weight) << kLayerNames[i];
    EXPECT_EQ(foreign->layers[i].bias, canonical->layers[i].bias) << kLayerNames[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Weights, ForeignFile,
                         ::testing::Values(std::pair("torchvision", FileLayout::kTorchvision),
                                           std::pair("timm", FileLayout::kTimm)),
                         [](const auto& test) { return test.param.first; });

TEST(CanonicalFile, CarriesItsMetadata) {
  const auto file = read_file("keras.safetensors");
  ASSERT_TRUE(file) << file.error().message;
  const auto metadata = parse_metadata(file->header.metadata);
  ASSERT_TRUE(metadata) << metadata.error().message;
  EXPECT_THAT(metadata->labels, ElementsAre("pug", "samoyed", "shih_tzu", "L\xc3\xb6wchen"));
  EXPECT_EQ(metadata->preprocess, R"({"resize": "shorter_side", "size": 96})");
  EXPECT_EQ(metadata->license, "Apache-2.0");
  EXPECT_EQ(metadata->temperature, 1.25f);
}

TEST(ForeignMetadata, IsNotMistakenForOurs) {
  const auto file = read_file("timm.safetensors");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->header.metadata.at("format"), "pt");
  EXPECT_TRUE(parse_metadata(file->header.metadata));
}

}  // namespace
}  // namespace gradcam::testing
