#include "gradcam/evaluate/sanity_check.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gradcam/tensor/order.h"
#include "gradcam/tensor/random.h"
#include "gradcam/weights/names.h"
#include "gradcam/weights/quantize.h"
#include "gradcam/weights/safetensors.h"

namespace gradcam {
namespace {

/// Ranks, that of the largest value 0; equal values get the mean of theirs.
std::vector<double> ranks(std::span<const float> values) {
  const std::vector<double> keys(values.begin(), values.end());
  const std::vector<std::size_t> order = largest_first(keys);
  std::vector<double> result(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double rank = static_cast<double>(begin + end - 1) / 2;
    for (; begin < end; ++begin) result[order[begin]] = rank;
  }
  return result;
}

/// Shuffles `n` things of so many bytes each.
void shuffle_bytes(std::uint8_t* data, std::size_t bytes, std::size_t n, Random& random) {
  shuffle(n, random, [&](std::size_t i, std::size_t j) {
    if (i != j) std::swap_ranges(data + i * bytes, data + (i + 1) * bytes, data + j * bytes);
  });
}

/// Shuffles the weights of a layer. Those that have a scale in common go together, with their
/// scale, to where others like them were, and change places among themselves.
void shuffle_layer(std::span<std::uint8_t> file, const SafetensorsHeader& header,
                   const LayerWeights& layer, std::uint64_t seed) {
  Random random(seed);
  const TensorInfo& tensor = header.tensors[layer.weight];
  const auto bytes = static_cast<std::size_t>(tensor.end - tensor.begin);
  std::uint8_t* data = file.data() + header.data_offset + tensor.begin;
  if (!layer.scale) {
    const std::size_t each = dtype_size(tensor.dtype);
    shuffle_bytes(data, each, bytes / each, random);
    return;
  }
  const std::size_t rows = layer.shape[0];
  const std::size_t row = bytes / rows;
  const std::size_t group = layer.format == WeightFormat::kInt4 ? kInt4Group / 2 : row;
  std::uint8_t* scales = file.data() + header.data_offset + header.tensors[*layer.scale].begin;
  const std::size_t groups = (row + group - 1) / group;
  // The last group of a row may be smaller.
  const auto shuffle_groups = [&](std::size_t first, std::size_t in_row, std::size_t size) {
    const auto weights_of = [&](std::size_t i) {
      return data + i / in_row * row + (first + i % in_row) * group;
    };
    const auto scale_of = [&](std::size_t i) {
      return scales + (i / in_row * groups + first + i % in_row) * sizeof(float);
    };
    for (std::size_t i = 0; i < rows * in_row; ++i) shuffle_bytes(weights_of(i), 1, size, random);
    shuffle(rows * in_row, random, [&](std::size_t i, std::size_t j) {
      if (i == j) return;
      std::swap_ranges(weights_of(i), weights_of(i) + size, weights_of(j));
      std::swap_ranges(scale_of(i), scale_of(i) + sizeof(float), scale_of(j));
    });
  };
  const std::size_t whole = row / group;
  if (whole > 0) shuffle_groups(0, whole, group);
  if (whole < groups) shuffle_groups(whole, 1, row - whole * group);
}

}  // namespace

double rank_correlation(const Heatmap& a, const Heatmap& b) {
  const auto is_number = [](float value) { return !std::isnan(value); };
  if (!std::ranges::all_of(a.values, is_number) || !std::ranges::all_of(b.values, is_number)) {
    return 0;
  }
  const std::size_t rows = std::max(a.rows, b.rows);
  const std::size_t cols = std::max(a.cols, b.cols);
  const std::vector<double> x = ranks(enlarge(a, rows, cols));
  const std::vector<double> y = ranks(enlarge(b, rows, cols));
  const double mean = (static_cast<double>(x.size()) - 1) / 2;
  double xy = 0;
  double xx = 0;
  double yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

Result<void> shuffle_weights(std::span<std::uint8_t> file, std::size_t layers, std::uint64_t seed) {
  GRADCAM_TRY(const SafetensorsHeader header, parse_safetensors_header(file, file.size()));
  GRADCAM_TRY(const WeightMap map, map_names(header));
  layers = std::min(layers, map.layers.size());
  for (std::size_t layer = map.layers.size() - layers; layer < map.layers.size(); ++layer) {
    shuffle_layer(file, header, map.layers[layer], seed + layer);
  }
  if (layers > 0 && map.others) {
    shuffle_layer(file, header, *map.others, seed + map.layers.size());
  }
  return {};
}

}  // namespace gradcam
