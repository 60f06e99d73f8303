#include "support/generated_vgg16.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/image/preprocess.h"
#include "gradcam/weights/metadata.h"
#include "gradcam/weights/names.h"
#include "support/random.h"

namespace gradcam::testing {
namespace {

constexpr std::uint64_t kSeed = 20240607;
constexpr std::size_t kSize = 224;
constexpr std::size_t kPositions = 49;  // of block5_pool
constexpr std::array<std::size_t, 16> kOutputs = {64,  64,  128, 128, 256, 256,  256,  512,
                                                  512, 512, 512, 512, 512, 4096, 4096, 15};

/// Values of one stream: sums of the four 16-bit parts of a splitmix64 output, about normal, of the
/// given standard deviation.
class Stream {
 public:
  Stream(std::uint64_t number, double deviation)
      : state_(kSeed + (number << 40)),
        scale_(deviation / std::sqrt(4 * (65536.0 * 65536.0 - 1) / 12)) {}

  float operator[](std::uint64_t index) const {
    const std::uint64_t z = splitmix64(state_ + index);
    const std::uint64_t sum = (z & 0xFFFF) + (z >> 16 & 0xFFFF) + (z >> 32 & 0xFFFF) + (z >> 48);
    return static_cast<float>((static_cast<double>(sum) - 2 * 65535) * scale_);
  }

 private:
  std::uint64_t state_;
  double scale_;
};

std::size_t inputs(std::size_t layer) {
  if (layer == 0) return 3;
  return layer == kFc1 ? kPositions * kOutputs[layer - 1] : kOutputs[layer - 1];
}

/// Values are numbered in PyTorch's layout, channels before positions; this fills one row with
/// positions before channels.
void fill_row(const Stream& stream, std::uint64_t first, std::size_t positions,
              std::span<float> row) {
  const std::size_t channels = row.size() / positions;
  for (std::size_t p = 0; p < positions; ++p) {
    for (std::size_t c = 0; c < channels; ++c) {
      row[p * channels + c] = stream[first + c * positions + p];
    }
  }
}

}  // namespace

Result<SafetensorsHeader> generated_vgg16_header() {
  ModelMetadata metadata;
  metadata.labels = {"beagle",
                     "golden_retriever",
                     "samoyed",
                     "shih_tzu",
                     "old_english_sheepdog",
                     "border_terrier",
                     "rhodesian_ridgeback",
                     "english_springer",
                     "australian_terrier",
                     "pug",
                     "siberian_husky",
                     "bernese_mountain_dog",
                     "pembroke_welsh_corgi",
                     "german_shepherd",
                     "pomeranian"};
  metadata.preprocess = to_json(Preprocess{});
  metadata.source = "random numbers";
  metadata.license = "CC0-1.0";

  SafetensorsHeader header;
  header.metadata = serialize_metadata(metadata);
  for (std::size_t layer = 0; layer < kOutputs.size(); ++layer) {
    const std::string name(kLayerNames[layer]);
    const Shape shape = layer < kFc1 ? Shape{kOutputs[layer], 3, 3, inputs(layer)}
                                     : Shape{kOutputs[layer], inputs(layer)};
    header.tensors.push_back({.name = name + ".weight", .shape = shape});
    header.tensors.push_back({.name = name + ".bias", .shape = {kOutputs[layer]}});
  }
  GRADCAM_CHECK_OK(assign_offsets(header.tensors));
  return header;
}

void generate_vgg16_rows(const SafetensorsHeader& header, std::size_t tensor, std::size_t first,
                         std::span<float> values) {
  const Shape& shape = header.tensors[tensor].shape;
  const std::size_t layer = tensor / 2;
  const bool is_bias = tensor % 2 == 1;
  std::size_t elements = 1;
  for (std::size_t axis = 1; axis < shape.size(); ++axis) elements *= shape[axis];
  const double gain = layer == kPredictions ? 1 : 2;
  const Stream stream(tensor + 1, is_bias ? 0.05 : std::sqrt(gain / static_cast<double>(elements)));
  const std::size_t positions = is_bias ? 1 : layer < kFc1 ? 9 : layer == kFc1 ? kPositions : 1;
  for (std::size_t i = 0; i < values.size(); i += elements) {
    fill_row(stream, std::uint64_t{first} * elements + i, positions, values.subspan(i, elements));
  }
}

Result<Tensor> generated_vgg16_input() {
  GRADCAM_TRY(Tensor input, Tensor::zeros({kSize, kSize, 3}));
  fill_row(Stream(0, 1.0), 0, kSize * kSize, input.values());
  return input;
}

}  // namespace gradcam::testing
