#include "gradcam/evaluate/sanity_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/tensor/int4.h"
#include "gradcam/vgg16/loader.h"
#include "gradcam/weights/quantize.h"
#include "gradcam/weights/to_float.h"
#include "support/converted.h"
#include "support/heatmaps.h"
#include "support/result.h"
#include "support/tensor_file.h"
#include "support/values.h"

namespace gradcam::testing {
namespace {

TEST(RankCorrelation, IsSpearmans) {
  const Heatmap up = map_of(1, 4, {0, 0.1f, 0.5f, 1});
  EXPECT_DOUBLE_EQ(rank_correlation(up, map_of(1, 4, {1, 2, 3, 100})), 1);
  EXPECT_DOUBLE_EQ(rank_correlation(up, map_of(1, 4, {9, 8, 7, 0})), -1);
  // 1 - 6 sum d^2 / (n (n^2 - 1)) for ranks 0 1 2 3 and 1 0 2 3.
  EXPECT_DOUBLE_EQ(rank_correlation(up, map_of(1, 4, {0.2f, 0.1f, 3, 4})), 1 - 6 * 2 / 60.0);
  // Ties share their mean rank: 0.5 0.5 2 3, as scipy.stats.spearmanr has it.
  EXPECT_NEAR(rank_correlation(up, map_of(1, 4, {0, 0, 1, 2})), 0.9486832980505138, 1e-12);
  EXPECT_EQ(rank_correlation(up, map_of(1, 4, {1, 1, 1, 1})), 0);
  EXPECT_EQ(rank_correlation(map_of(1, 1, {0}), map_of(2, 2, {1, 1, 1, 1})), 0);
  EXPECT_DOUBLE_EQ(rank_correlation(up, map_of(1, 2, {0, 1})), 1);  // 0, 0.25, 0.75, 1
}

TEST(RankCorrelation, OfWhatIsNoNumberIsNone) {
  const Heatmap up = map_of(1, 4, {0, 0.1f, 0.5f, 1});
  const Heatmap broken = map_of(1, 4, {0, kNaN, 0.5f, kNaN});
  EXPECT_EQ(rank_correlation(up, broken), 0);
  EXPECT_EQ(rank_correlation(broken, up), 0);
  EXPECT_EQ(rank_correlation(broken, broken), 0);
}

TEST(ShuffleWeights, PermutesTheLastLayersAndNothingElse) {
  ASSERT_OK_AND_ASSIGN(const TensorFile file, TensorFile::read(oracle_fixture("tiny64.keras")));
  ASSERT_OK_AND_ASSIGN(const auto bytes, file.serialize());
  for (const std::size_t layers : {0, 1, 4, 16}) {
    auto shuffled = bytes;
    ASSERT_OK(shuffle_weights(shuffled, layers, 7));
    auto again = bytes;
    ASSERT_OK(shuffle_weights(again, layers, 7));
    EXPECT_EQ(shuffled, again);
    ASSERT_OK_AND_ASSIGN(const auto header, parse_safetensors_header(shuffled, shuffled.size()));
    for (const TensorInfo& tensor : header.tensors) {
      const std::string layer = tensor.name.substr(0, tensor.name.find('.'));
      const auto place =
          static_cast<std::size_t>(std::ranges::find(kLayerNames, layer) - kLayerNames.begin());
      const auto values = [&](const std::vector<std::uint8_t>& from) {
        std::vector<float> result((tensor.end - tensor.begin) / sizeof(float));
        std::memcpy(result.data(), from.data() + header.data_offset + tensor.begin,
                    result.size() * sizeof(float));
        return result;
      };
      auto before = values(bytes);
      auto after = values(shuffled);
      EXPECT_EQ(before != after, tensor.name.ends_with(".weight") && place >= 16 - layers)
          << tensor.name;
      std::ranges::sort(before);
      std::ranges::sort(after);
      EXPECT_EQ(before, after) << tensor.name;
    }
  }
  std::vector<std::uint8_t> broken(7);
  EXPECT_FALSE(shuffle_weights(broken, 1, 1).has_value());
}

/// The weights of a layer as they count, sorted.
std::vector<float> sorted_weights(const Bytes& file, const std::string& layer) {
  const auto header = parse_safetensors_header(file, file.size());
  const auto data = [&](const TensorInfo& tensor) {
    return file.data() + header->data_offset + tensor.begin;
  };
  const TensorInfo& weight = *header->find(layer + ".weight");
  const TensorInfo* scale = header->find(layer + ".weight_scale");
  const std::size_t rows = weight.shape[0];
  const std::size_t row = static_cast<std::size_t>(weight.end - weight.begin) / rows;
  std::vector<float> values;
  for (std::size_t o = 0; o < rows; ++o) {
    const std::uint8_t* bytes = data(weight) + o * row;
    const bool is_int4 = weight.dtype == DType::kU8;
    const bool is_int8 = weight.dtype == DType::kI8;
    const std::size_t columns = is_int4 ? 2 * row : row / dtype_size(weight.dtype);
    const std::size_t group = is_int4 ? kInt4Group : columns;
    const std::size_t groups = (columns + group - 1) / group;
    for (std::size_t i = 0; i < columns; ++i) {
      float factor = 1;
      if (scale != nullptr) {
        std::memcpy(&factor, data(*scale) + (o * groups + i / group) * sizeof factor,
                    sizeof factor);
      }
      float value = 0;
      if (is_int4) {
        value = static_cast<float>(int4_at(bytes, i));
      } else if (is_int8) {
        value = static_cast<float>(static_cast<std::int8_t>(bytes[i]));
      } else {
        const std::size_t each = dtype_size(weight.dtype);
        EXPECT_TRUE(to_float32(weight.dtype, {bytes + i * each, each}, {&value, 1}));
      }
      values.push_back(factor * value);
    }
  }
  std::ranges::sort(values);
  return values;
}

/// A model whose rows' scales differ, and those of the groups in a row.
Result<Bytes> model_of_many_scales() {
  GRADCAM_TRY(Bytes file, random_vgg16());
  GRADCAM_TRY(const auto header, parse_safetensors_header(file, file.size()));
  for (const TensorInfo& tensor : header.tensors) {
    if (!tensor.name.ends_with(".weight")) continue;
    std::uint8_t* data = file.data() + header.data_offset + tensor.begin;
    std::vector<float> values(static_cast<std::size_t>(tensor.end - tensor.begin) / sizeof(float));
    std::memcpy(values.data(), data, values.size() * sizeof(float));
    const std::size_t row = values.size() / tensor.shape[0];
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] *= 1 + static_cast<float>(i / row % 7) + static_cast<float>(i % row / 50 % 3);
    }
    std::memcpy(data, values.data(), values.size() * sizeof(float));
  }
  return file;
}

/// A weight that moved to a row with another scale would be another weight.
TEST(ShuffleWeights, KeepsTheWeightsOfEveryNumberFormat) {
  ASSERT_OK_AND_ASSIGN(const Bytes floats, model_of_many_scales());
  for (const auto& [precision, fc1] : {std::pair(Precision::kFloat16, DType::kF16),
                                       {Precision::kInt8, DType::kI8},
                                       {Precision::kInt4, DType::kU8}}) {
    SCOPED_TRACE(static_cast<int>(precision));
    ASSERT_OK_AND_ASSIGN(const Bytes bytes, convert(floats, precision));
    ASSERT_OK_AND_ASSIGN(const auto header, parse_safetensors_header(bytes, bytes.size()));
    ASSERT_EQ(header.find("fc1.weight")->dtype, fc1);
    Bytes shuffled = bytes;
    ASSERT_OK(shuffle_weights(shuffled, kLayerNames.size(), 7));
    for (const std::string_view name : kLayerNames) {
      SCOPED_TRACE(name);
      const std::string layer(name);
      EXPECT_EQ(sorted_weights(shuffled, layer), sorted_weights(bytes, layer));
    }
    EXPECT_NE(shuffled, bytes);
    ASSERT_OK(load_vgg16(shuffled));
  }
}

TEST(ShuffleWeights, ShufflesWhatIsLeftOverOfInt4RowsToo) {
  ASSERT_OK_AND_ASSIGN(const Bytes floats, model_of_many_scales());
  ASSERT_OK_AND_ASSIGN(const Bytes bytes, convert(floats, Precision::kInt4));
  Bytes shuffled = bytes;
  ASSERT_OK(shuffle_weights(shuffled, kLayerNames.size(), 7));
  ASSERT_OK_AND_ASSIGN(const auto header, parse_safetensors_header(bytes, bytes.size()));
  const TensorInfo& fc1 = *header.find("fc1.weight");
  ASSERT_EQ(fc1.dtype, DType::kU8);
  const std::size_t row = static_cast<std::size_t>(fc1.end - fc1.begin) / fc1.shape[0];
  constexpr std::size_t kGroup = kInt4Group / 2;  // in bytes
  ASSERT_GT(row, kGroup);
  ASSERT_LT(row, 2 * kGroup);
  for (std::size_t first = 0; first < row; first += kGroup) {
    SCOPED_TRACE(first);
    std::size_t changed = 0;  // rows
    for (std::size_t o = 0; o < fc1.shape[0]; ++o) {
      const std::size_t begin = header.data_offset + fc1.begin + o * row + first;
      const std::size_t size = std::min(kGroup, row - first);
      changed += std::ranges::equal(std::span(bytes).subspan(begin, size),
                                    std::span(shuffled).subspan(begin, size))
                     ? 0
                     : 1;
    }
    EXPECT_GT(changed, fc1.shape[0] / 2);
  }
}

TEST(ShuffleWeights, OfTheLastLayerAreThoseOfTheOthersToo) {
  ASSERT_OK_AND_ASSIGN(TensorFile file, TensorFile::read(oracle_fixture("tiny64.keras")));
  for (const char* part : {"weight", "bias"}) {
    TensorFile::Entry others = *file.find(std::string("predictions.") + part);
    others.info.name = std::string("others.") + part;
    file.entries.push_back(std::move(others));
  }
  ASSERT_OK_AND_ASSIGN(const Bytes bytes, file.serialize());
  const auto weights = [](const Bytes& from) {
    const auto header = parse_safetensors_header(from, from.size());
    const TensorInfo& others = *header->find("others.weight");
    return Bytes(from.begin() + static_cast<std::ptrdiff_t>(header->data_offset + others.begin),
                 from.begin() + static_cast<std::ptrdiff_t>(header->data_offset + others.end));
  };
  Bytes shuffled = bytes;
  ASSERT_OK(shuffle_weights(shuffled, 0, 7));
  EXPECT_EQ(weights(shuffled), weights(bytes));
  ASSERT_OK(shuffle_weights(shuffled, 1, 7));
  EXPECT_NE(weights(shuffled), weights(bytes));
  EXPECT_EQ(sorted_weights(shuffled, "others"), sorted_weights(bytes, "others"));
}

}  // namespace
}  // namespace gradcam::testing
