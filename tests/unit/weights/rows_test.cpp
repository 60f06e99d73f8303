// One tiny network under three names (tests/fixtures/make_weights.py): torchvision's and timm's
// files, read row by row into the canonical layout, hold what PyTorch permuted into the canonical
// file.

#include "gradcam/weights/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <numeric>
#include <string>
#include <vector>

#include "gradcam/weights/metadata.h"
#include "gradcam/weights/names.h"
#include "gradcam/weights/to_float.h"
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

std::span<const std::uint8_t> bytes_of(const TensorInfo& tensor,
                                       std::span<const std::uint8_t> data) {
  return data.subspan(static_cast<std::size_t>(tensor.begin),
                      static_cast<std::size_t>(tensor.end - tensor.begin));
}

Result<Layer> read_layer(const File& file, std::size_t index, std::span<const std::uint8_t> data) {
  const LayerWeights& weights = file.map.layers[index];
  const TensorInfo& weight = file.header.tensors[weights.weight];
  const TensorInfo& bias = file.header.tensors[weights.bias];
  const std::size_t rows = weights.shape[0];
  const std::size_t columns = row_elements(weights.shape);
  Layer layer = {weights.name, weights.shape, std::vector<float>(rows * columns),
                 std::vector<float>(rows)};
  const auto bytes = bytes_of(weight, data);
  const std::size_t row_bytes = bytes.size() / rows;
  std::vector<float> scratch;
  for (std::size_t row = 0; row < rows; ++row) {
    GRADCAM_CHECK_OK(read_float_row(file.map, index, weight.dtype,
                                    bytes.subspan(row * row_bytes, row_bytes), scratch,
                                    std::span(layer.weight).subspan(row * columns, columns)));
  }
  GRADCAM_CHECK_OK(to_float32(bias.dtype, bytes_of(bias, data), layer.bias));
  return layer;
}

Result<File> read_file(const std::string& name) {
  std::ifstream stream(data_path("fixtures/weights/" + name), std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  File file;
  GRADCAM_TRY(file.header, parse_safetensors_header(bytes, bytes.size()));
  GRADCAM_TRY(file.map, map_names(file.header));
  const auto data = std::span(bytes).subspan(static_cast<std::size_t>(file.header.data_offset));
  for (std::size_t index = 0; index < kLayerNames.size(); ++index) {
    GRADCAM_TRY(Layer layer, read_layer(file, index, data));
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

// The permutation against PyTorch's is above; here, its formula.
TEST(ChwColumnsToHwc, MovesEveryElementToItsPlace) {
  constexpr std::size_t kI = 3, kH = 4, kW = 5;
  std::vector<std::int8_t> row(kI * kH * kW);
  std::iota(row.begin(), row.end(), std::int8_t{0});
  std::vector<std::int8_t> row_out(row.size());
  chw_columns_to_hwc(row, kH * kW, std::span(row_out));
  for (std::size_t i = 0; i < kI; ++i) {
    for (std::size_t y = 0; y < kH; ++y) {
      for (std::size_t x = 0; x < kW; ++x) {
        EXPECT_EQ(row_out[(y * kW + x) * kI + i], row[(i * kH + y) * kW + x]);
      }
    }
  }
}

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
