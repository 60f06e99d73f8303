#include "gradcam/import/foreign.h"

#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "gradcam/tensor/text.h"
#include "gradcam/weights/names.h"

namespace gradcam {
namespace {

/// Of any layer: far above a VGG16's, and far below where sizes overflow.
constexpr std::size_t kMostWidth = 1 << 20;
constexpr int kUsualSide = 224;

std::unexpected<Error> misfit(const std::string& what) {
  return fail(ErrorCode::kUnsupportedFormat, what);
}

/// Whether an array is inside of a file of so many bytes.
Result<void> check_array(const ForeignArray& array, std::uint64_t file_bytes) {
  std::uint64_t bytes = dtype_size(array.dtype);
  for (const std::size_t side : array.shape) {
    if (side == 0 || side > kMostWidth) {
      return misfit(internal::quote(array.name) + " has the shape " + to_string(array.shape));
    }
    bytes *= side;  // of two numbers at most, or four of which two are 3
  }
  if (array.begin <= file_bytes && bytes <= file_bytes - array.begin) return {};
  return fail(ErrorCode::kCorruptModel,
              "it is cut short: " + internal::quote(array.name) + " reaches past its end");
}

/// Whether there is a number for each of so many outputs or inputs of a layer.
Result<void> check_numbers(const ForeignArray& array, std::size_t count, const char* of,
                           const ForeignLayer& layer, std::uint64_t file_bytes) {
  if (array.shape == Shape{count}) return check_array(array, file_bytes);
  return misfit(internal::quote(array.name) + " has the shape " + to_string(array.shape) +
                ", but expected is a number for each of the " + std::to_string(count) + of +
                internal::quote(layer.weight.name));
}

Result<void> check_norm(const ForeignNorm& norm, std::size_t count, const char* of,
                        const ForeignLayer& layer, std::uint64_t file_bytes) {
  for (const ForeignArray* array : norm.arrays()) {
    if (array == nullptr) continue;
    GRADCAM_CHECK_OK(check_numbers(*array, count, of, layer, file_bytes));
  }
  return {};
}

Result<void> check_layer(const ForeignLayer& layer, const ForeignSides& sides,
                         std::uint64_t file_bytes) {
  GRADCAM_CHECK_OK(check_array(layer.weight, file_bytes));
  GRADCAM_CHECK_OK(check_numbers(layer.bias, sides.outputs, " outputs of ", layer, file_bytes));
  if (!layer.norm) return {};
  return check_norm(*layer.norm, sides.outputs, " outputs of ", layer, file_bytes);
}

/// Whether the convolutions are a VGG16's and fit together; the channels of block5.
Result<std::size_t> check_convs(const ForeignVgg16& network, std::uint64_t file_bytes) {
  std::size_t channels = 3;
  for (std::size_t i = 0; i < kConvLayers; ++i) {
    const ForeignLayer& conv = network.convs[i];
    const Shape& shape = conv.weight.shape;
    const std::string expected = conv.by_columns
                                     ? "[3, 3, " + std::to_string(channels) + ", outputs]"
                                     : "[outputs, " + std::to_string(channels) + ", 3, 3]";
    const std::size_t rows = conv.by_columns ? 0 : 2;
    if (shape.size() != 4 || shape[rows] != 3 || shape[rows + 1] != 3 ||
        conv.sides().inputs != channels) {
      return misfit(internal::quote(conv.weight.name) + ", which should be VGG16's " +
                    std::string(kLayerNames[i]) + ", has the shape " + to_string(shape) +
                    ", but expected is " + expected);
    }
    GRADCAM_CHECK_OK(check_layer(conv, conv.sides(), file_bytes));
    channels = conv.sides().outputs;
  }
  return channels;
}

/// The rows and columns of the map of so many channels that a first dense layer takes flattened.
Result<std::size_t> flattened_grid(const ForeignVgg16& network, std::size_t channels) {
  const ForeignLayer& layer = network.dense.front();
  const std::size_t inputs = layer.sides().inputs;
  const double positions = static_cast<double>(inputs) / static_cast<double>(channels);
  const auto grid = static_cast<std::size_t>(std::lround(std::sqrt(positions)));
  if (grid == 0 || grid * grid * channels != inputs) {
    return misfit(internal::quote(layer.weight.name) + " takes " + std::to_string(inputs) +
                  " inputs, which does not follow a map of " + std::to_string(channels) +
                  " channels");
  }
  // An average of a map leaves a number for each channel, and so does a maximum.
  if (grid == 1 && grid_of(network.side.value_or(kUsualSide)) != 1) {
    return misfit(internal::quote(layer.weight.name) + " takes " + std::to_string(inputs) +
                  " inputs, one for each channel; whether they are averages, maxima or a map of "
                  "one position, " +
                  (network.is_of_modules
                       ? "its modules do not tell, since none is an AdaptiveAvgPool2d: save it as "
                         "ONNX, or by torch.jit.trace"
                       : "weights alone do not tell: save the whole model, or as ONNX"));
  }
  return grid;
}

}  // namespace

ForeignSides ForeignLayer::sides() const {
  const Shape& shape = weight.shape;
  if (!by_columns) return {shape[0], shape[1]};
  return {shape.back(), shape[shape.size() - 2]};
}

std::unexpected<Error> unlike_vgg16(const std::string& kind, const std::string& name,
                                    const std::string& what) {
  return misfit("its " + kind + " " + internal::quote(name) + " " + what +
                ", unlike a VGG16: 13 convolutions and, behind them, dense layers with ReLUs");
}

Result<void> check_blocks(std::size_t blocks, const std::string& pooling) {
  if (blocks == kConvsOfBlock.size()) return {};
  return misfit("it has " + std::to_string(blocks) + " blocks of convolutions that end with " +
                pooling + ", where a VGG16 has " + std::to_string(kConvsOfBlock.size()));
}

Result<void> check_other_vgg(std::size_t convs) {
  struct Vgg {
    std::size_t convs;
    const char* name;
  };
  for (const Vgg& vgg : {Vgg{8, "VGG11"}, Vgg{10, "VGG13"}, Vgg{16, "VGG19"}}) {
    if (convs != vgg.convs) continue;
    return misfit("it has " + std::to_string(convs) + " convolutions, as a " + vgg.name +
                  " has; only a VGG16, with 13, is read");
  }
  return {};
}

Result<std::size_t> check_foreign(const ForeignVgg16& network, std::uint64_t file_bytes) {
  GRADCAM_CHECK_OK(check_other_vgg(network.convs.size()));
  if (network.convs.size() != kConvLayers || network.dense.size() > kDenseLayers) {
    return misfit("it has " + std::to_string(network.convs.size()) + " convolutions and " +
                  std::to_string(network.dense.size()) +
                  " dense layers; a VGG16 has 13 convolutions, and behind them one to three dense "
                  "layers");
  }
  GRADCAM_TRY(const std::size_t channels, check_convs(network, file_bytes));
  std::size_t grid = static_cast<std::size_t>(grid_of(network.side.value_or(kUsualSide)));
  std::size_t inputs = channels;
  for (const ForeignLayer& layer : network.dense) {
    if (layer.weight.shape.size() != 2) {
      return misfit(internal::quote(layer.weight.name) + " has the shape " +
                    to_string(layer.weight.shape) + ", where a matrix is expected");
    }
    const bool is_first = &layer == &network.dense.front();
    if (is_first && !network.averages) {
      GRADCAM_TRY(grid, flattened_grid(network, channels));
      inputs *= grid * grid;
    }
    const ForeignSides sides = layer.sides();
    if (sides.inputs != inputs) {
      return misfit(internal::quote(layer.weight.name) + " takes " + std::to_string(sides.inputs) +
                    " inputs, which does not follow a layer of " + std::to_string(inputs) +
                    " outputs");
    }
    GRADCAM_CHECK_OK(check_layer(layer, sides, file_bytes));
    if (layer.input_norm) {
      // Of a map, too, before it is flattened.
      const bool of_channels = is_first && layer.input_norm->mean.shape == Shape{channels};
      if (is_first && !of_channels && !network.channels_last) {
        return misfit("it normalises a map that has been flattened: " +
                      internal::quote(layer.input_norm->mean.name));
      }
      GRADCAM_CHECK_OK(check_norm(*layer.input_norm, of_channels ? channels : inputs, " inputs of ",
                                  layer, file_bytes));
    }
    inputs = sides.outputs;
  }
  if (network.side && std::cmp_not_equal(grid_of(*network.side), grid)) {
    return misfit("its input of " + std::to_string(*network.side) +
                  " pixels does not become the map of " + std::to_string(grid) + " x " +
                  std::to_string(grid) + " positions that its first dense layer takes");
  }
  constexpr std::size_t kMostGrid = kMaxPreprocessSide / kTotalStride;
  if (grid == 0 || grid > kMostGrid || grid * grid * channels > kMostWidth) {
    return misfit("its input is smaller or larger than the engine takes");
  }
  return grid;
}

}  // namespace gradcam
