#include "gradcam/weights/names.h"

#include <algorithm>
#include <cmath>
#include <ranges>
#include <utility>
#include <vector>

#include "gradcam/tensor/int4.h"
#include "gradcam/tensor/text.h"
#include "gradcam/weights/quantize.h"

namespace gradcam {
namespace {

using internal::quote;

constexpr std::array kLayouts = {FileLayout::kKeras, FileLayout::kTorchvision, FileLayout::kTimm};

// Both PyTorch layouts number the modules of `features`, where ReLU and pooling count as well.
constexpr std::array<int, kConvLayers> kFeatureNumbers = {0,  2,  5,  7,  10, 12, 14,
                                                          17, 19, 21, 24, 26, 28};
constexpr std::array<std::string_view, 3> kTorchvisionDense = {"classifier.0", "classifier.3",
                                                               "classifier.6"};
constexpr std::array<std::string_view, 3> kTimmDense = {"pre_logits.fc1", "pre_logits.fc2",
                                                        "head.fc"};

// What the file calls a layer.
std::string file_name(FileLayout layout, std::size_t layer) {
  if (layout == FileLayout::kKeras) return std::string(kLayerNames[layer]);
  if (layer < kConvLayers) return "features." + std::to_string(kFeatureNumbers[layer]);
  const auto& dense = layout == FileLayout::kTorchvision ? kTorchvisionDense : kTimmDense;
  return std::string(dense[layer - kFc1]);
}

struct FileNames {
  std::vector<std::string> required;
  std::vector<std::string> optional;

  bool contains(const std::string& name) const {
    return std::ranges::find(required, name) != required.end() ||
           std::ranges::find(optional, name) != optional.end();
  }
};

FileNames file_names(FileLayout layout) {
  FileNames names;
  for (std::size_t layer = 0; layer < kLayerNames.size(); ++layer) {
    const std::string name = file_name(layout, layer);
    names.required.push_back(name + ".weight");
    names.required.push_back(name + ".bias");
    if (layout == FileLayout::kKeras) names.optional.push_back(name + ".weight_scale");
  }
  if (layout == FileLayout::kKeras) {
    for (const char* part : {".weight", ".bias", ".weight_scale"}) {
      names.optional.push_back(std::string(kOthersName) + part);
    }
  }
  return names;
}

// The layout whose names most tensors have. PyTorch's two layouts share the convolutions' names.
Result<FileLayout> detect_layout(const SafetensorsHeader& header) {
  FileLayout best = FileLayout::kKeras;
  std::ptrdiff_t most = 0;
  for (const FileLayout layout : kLayouts) {
    const FileNames names = file_names(layout);
    const auto matches = std::ranges::count_if(
        header.tensors, [&](const TensorInfo& tensor) { return names.contains(tensor.name); });
    if (matches > most) {
      most = matches;
      best = layout;
    }
  }
  if (most == 0) {
    return fail(ErrorCode::kCorruptModel,
                "the file holds no VGG16: expected tensors named as in Keras "
                "(block1_conv1.weight), torchvision or timm (features.0.weight)" +
                    (header.tensors.empty() ? ", but it is empty"
                                            : ", found " + quote(header.tensors.front().name)));
  }
  return best;
}

Result<void> check_names(const SafetensorsHeader& header, FileLayout layout) {
  const FileNames names = file_names(layout);
  const std::string which = " VGG16 with the names of " + std::string(file_layout_name(layout));
  for (const TensorInfo& tensor : header.tensors) {
    if (!tensor.name.ends_with(".running_mean")) continue;
    return fail(ErrorCode::kCorruptModel,
                "the tensor " + quote(tensor.name) + " does not belong in a" + which +
                    ": it is of batch normalisation, as vgg16_bn has it, of which the .pth file is "
                    "read, or brought to safetensors by gradcam convert");
  }
  for (const TensorInfo& tensor : header.tensors) {
    if (!names.contains(tensor.name)) {
      return fail(ErrorCode::kCorruptModel,
                  "the tensor " + quote(tensor.name) + " does not belong in a" + which +
                      ", which has " + names.required.front() + " to " + names.required.back());
    }
  }
  std::vector<std::string> missing = names.required;
  std::erase_if(missing, [&](const std::string& name) { return header.find(name) != nullptr; });
  if (missing.empty()) return {};
  constexpr std::size_t kMaxNamed = 4;
  std::string list = internal::joined(std::views::take(missing, kMaxNamed));
  if (missing.size() > kMaxNamed) {
    list += " and " + std::to_string(missing.size() - kMaxNamed) + " more";
  }
  return fail(ErrorCode::kCorruptModel, "the file lacks tensors of a" + which + ": " + list);
}

bool is_float(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16 ||
         dtype == DType::kF64;
}

std::unexpected<Error> wrong_shape(const TensorInfo& tensor, const std::string& expected) {
  return fail(ErrorCode::kCorruptModel, "the tensor " + quote(tensor.name) + " has the shape " +
                                            to_string(tensor.shape) + ", but expected is " +
                                            expected);
}

std::unexpected<Error> wrong_dtype(const TensorInfo& tensor, std::string_view expected) {
  return fail(ErrorCode::kCorruptModel, "the tensor " + quote(tensor.name) + " has the dtype " +
                                            std::string(dtype_name(tensor.dtype)) +
                                            ", but expected is " + std::string(expected));
}

WeightFormat format_of(DType dtype) {
  return dtype == DType::kI8   ? WeightFormat::kInt8
         : dtype == DType::kU8 ? WeightFormat::kInt4
                               : WeightFormat::kFloat;
}

// Checks the element types of a layer.
Result<void> check_dtypes(const SafetensorsHeader& header, const LayerWeights& layer,
                          bool is_conv) {
  const TensorInfo& weight = header.tensors[layer.weight];
  const TensorInfo& bias = header.tensors[layer.bias];
  if (!is_float(bias.dtype)) return wrong_dtype(bias, "F32, F16, BF16 or F64");
  const std::string_view quantized = is_conv ? "I8" : "I8 or U8";
  if (!layer.scale) {
    if (is_float(weight.dtype)) return {};
    return wrong_dtype(
        weight, "F32, F16, BF16, F64, or " + std::string(quantized) + " with a weight_scale");
  }
  const TensorInfo& scale = header.tensors[*layer.scale];
  if (weight.dtype != DType::kI8 && (weight.dtype != DType::kU8 || is_conv)) {
    return wrong_dtype(weight, std::string(quantized) + ", because it has a weight_scale");
  }
  if (scale.dtype != DType::kF32) return wrong_dtype(scale, "F32");
  return {};
}

// The shape of a dense layer's weights, of which int4 has two in a byte.
Shape unpacked_shape(const TensorInfo& tensor) {
  Shape shape = tensor.shape;
  if (tensor.dtype == DType::kU8 && shape.size() == 2) {
    constexpr std::size_t kMaxBytes = static_cast<std::size_t>(-1) / 2;
    shape[1] = shape[1] <= kMaxBytes ? shape[1] * 2 : 0;
  }
  return shape;
}

std::string in_bytes(const TensorInfo& tensor) {
  return tensor.dtype == DType::kU8 ? " with two in a byte" : "";
}

// The canonical shape of a convolution over `inputs` channels.
Result<Shape> conv_shape(const TensorInfo& tensor, FileLayout layout, std::size_t inputs) {
  const Shape& shape = tensor.shape;
  const std::string in = std::to_string(inputs);
  const bool keras = layout == FileLayout::kKeras;
  const Shape rest = keras ? Shape{3, 3, inputs} : Shape{inputs, 3, 3};
  if (shape.size() != 4 || shape[0] == 0 ||
      !std::equal(rest.begin(), rest.end(), shape.begin() + 1)) {
    return wrong_shape(tensor,
                       keras ? "[outputs, 3, 3, " + in + "]" : "[outputs, " + in + ", 3, 3]");
  }
  return Shape{shape[0], 3, 3, inputs};
}

// The canonical shape of fc1 over a square of `channels`, and the side of that square.
Result<std::pair<Shape, std::size_t>> fc1_shape(const TensorInfo& tensor, FileLayout layout,
                                                std::size_t channels) {
  const Shape shape = unpacked_shape(tensor);
  const std::string depth = std::to_string(channels);
  if (layout == FileLayout::kTimm) {
    if (shape.size() != 4 || shape[0] == 0 || shape[1] != channels || shape[2] != shape[3] ||
        shape[2] == 0) {
      return wrong_shape(tensor, "[outputs, " + depth + ", side, side]");
    }
    return std::pair(Shape{shape[0], shape[1] * shape[2] * shape[3]}, shape[2]);
  }
  if (shape.size() == 2 && shape[0] != 0 && shape[1] != 0 && shape[1] % channels == 0) {
    const std::size_t positions = shape[1] / channels;
    const auto side = static_cast<std::size_t>(std::sqrt(static_cast<double>(positions)));
    if (side * side == positions) return std::pair(shape, side);
  }
  return wrong_shape(tensor, "[outputs, side x side x " + depth + "]" + in_bytes(tensor));
}

// The canonical shape of fc2 or predictions.
Result<Shape> dense_shape(const TensorInfo& tensor, bool as_convolution, std::size_t inputs) {
  const Shape shape = unpacked_shape(tensor);
  const std::string in = std::to_string(inputs);
  const Shape rest = as_convolution ? Shape{inputs, 1, 1} : Shape{inputs};
  if (shape.size() != rest.size() + 1 || shape[0] == 0 ||
      !std::equal(rest.begin(), rest.end(), shape.begin() + 1)) {
    return wrong_shape(tensor,
                       "[outputs, " + in + (as_convolution ? ", 1, 1]" : "]") + in_bytes(tensor));
  }
  return Shape{shape[0], inputs};
}

// Checks the shapes of what a layer has for each output.
Result<void> check_outputs(const SafetensorsHeader& header, const LayerWeights& layer) {
  const TensorInfo& bias = header.tensors[layer.bias];
  Shape per_output = {layer.shape.front()};
  if (bias.shape != per_output) return wrong_shape(bias, to_string(per_output));
  if (!layer.scale) return {};
  if (layer.format == WeightFormat::kInt4) {
    const std::size_t inputs = layer.shape[1];
    if (inputs % kInt4Block != 0) {
      return fail(ErrorCode::kCorruptModel,
                  "the tensor " + quote(header.tensors[layer.weight].name) + " is U8 over " +
                      std::to_string(inputs) + " inputs, but expected is a multiple of " +
                      std::to_string(kInt4Block));
    }
    per_output.push_back((inputs + kInt4Group - 1) / kInt4Group);
  }
  const TensorInfo& scale = header.tensors[*layer.scale];
  if (scale.shape != per_output) return wrong_shape(scale, to_string(per_output));
  return {};
}

// The tensors of a layer that has a weight and a bias, without its shape.
Result<LayerWeights> find_layer(const SafetensorsHeader& header, const std::string& name,
                                bool is_conv) {
  const auto index_of = [&](const TensorInfo* tensor) {
    return static_cast<std::size_t>(tensor - header.tensors.data());
  };
  LayerWeights layer;
  layer.name = name;
  layer.weight = index_of(header.find(name + ".weight"));
  layer.bias = index_of(header.find(name + ".bias"));
  if (const TensorInfo* scale = header.find(name + ".weight_scale")) {
    layer.scale = index_of(scale);
  }
  layer.format = format_of(header.tensors[layer.weight].dtype);
  GRADCAM_CHECK_OK(check_dtypes(header, layer, is_conv));
  return layer;
}

Result<std::optional<LayerWeights>> map_others(const SafetensorsHeader& header,
                                               const LayerWeights& predictions) {
  const std::string name(kOthersName);
  const TensorInfo* weight = header.find(name + ".weight");
  const TensorInfo* bias = header.find(name + ".bias");
  if (weight == nullptr && bias == nullptr && header.find(name + ".weight_scale") == nullptr) {
    return std::nullopt;
  }
  if (weight == nullptr || bias == nullptr) {
    return fail(ErrorCode::kCorruptModel, "the file lacks " + name +
                                              (weight == nullptr ? ".weight" : ".bias") +
                                              ", but has more of the " + name);
  }
  GRADCAM_TRY(LayerWeights layer, find_layer(header, name, false));
  const DType dtype = header.tensors[predictions.weight].dtype;
  if (weight->dtype != dtype) {
    return wrong_dtype(*weight, std::string(dtype_name(dtype)) + ", as predictions.weight has it");
  }
  GRADCAM_TRY(layer.shape, dense_shape(*weight, false, predictions.shape[1]));
  GRADCAM_CHECK_OK(check_outputs(header, layer));
  return layer;
}

}  // namespace

std::string_view file_layout_name(FileLayout layout) {
  switch (layout) {
    case FileLayout::kKeras:
      return "Keras";
    case FileLayout::kTorchvision:
      return "torchvision";
    case FileLayout::kTimm:
      return "timm";
  }
  return "";
}

Result<WeightMap> map_names(const SafetensorsHeader& header) {
  WeightMap map;
  GRADCAM_TRY(map.layout, detect_layout(header));
  GRADCAM_CHECK_OK(check_names(header, map.layout));

  std::size_t inputs = 3;
  for (std::size_t i = 0; i < kLayerNames.size(); ++i) {
    LayerWeights& layer = map.layers[i];
    GRADCAM_TRY(layer, find_layer(header, file_name(map.layout, i), i < kFc1));
    layer.name = kLayerNames[i];
    const TensorInfo& weight = header.tensors[layer.weight];
    if (i < kFc1) {
      GRADCAM_TRY(layer.shape, conv_shape(weight, map.layout, inputs));
    } else if (i == kFc1) {
      GRADCAM_TRY(auto fc1, fc1_shape(weight, map.layout, inputs));
      layer.shape = std::move(fc1.first);
      map.grid = fc1.second;
    } else {
      const bool as_convolution = map.layout == FileLayout::kTimm && i == kFc2;
      GRADCAM_TRY(layer.shape, dense_shape(weight, as_convolution, inputs));
    }
    GRADCAM_CHECK_OK(check_outputs(header, layer));
    inputs = layer.shape.front();
  }
  GRADCAM_TRY(map.others, map_others(header, map.layers.back()));
  return map;
}

}  // namespace gradcam
