#include "gradcam/weights/convert_model.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string>
#include <utility>

#include "gradcam/tensor/int4.h"
#include "gradcam/tensor/text.h"
#include "gradcam/weights/names.h"
#include "gradcam/weights/quantize.h"
#include "gradcam/weights/rows.h"
#include "gradcam/weights/to_float.h"

namespace gradcam {
namespace {

using internal::quote;

constexpr std::size_t kOthers = kLayerNames.size();
constexpr std::size_t kExactConvLayers = 4;  // blocks 1 and 2

bool is_quantized(DType dtype) { return dtype == DType::kI8 || dtype == DType::kU8; }

/// The element type of a layer's weights in the new file; U8 is int4.
DType new_dtype(std::optional<Precision> precision, DType stored, std::size_t layer,
                std::size_t inputs) {
  if (!precision) return stored == DType::kF16 || is_quantized(stored) ? stored : DType::kF32;
  if (precision == Precision::kFloat32) return DType::kF32;
  if (precision == Precision::kFloat16 || layer < kExactConvLayers) return DType::kF16;
  const bool is_int4 = precision == Precision::kInt4 && layer >= kFc1 && layer < kPredictions &&
                       inputs % kInt4Block == 0;
  return is_int4 ? DType::kU8 : DType::kI8;
}

/// The outputs of `predictions` that become others.
std::vector<std::size_t> new_others(const WeightMap& map, const ConvertOptions& options) {
  std::vector<std::size_t> rows;
  if (!options.others || map.others || options.classes.empty()) return rows;
  for (std::size_t row = 0; row < map.layers.back().shape[0]; ++row) {
    if (std::ranges::find(options.classes, row) == options.classes.end()) rows.push_back(row);
  }
  return rows;
}

Result<std::vector<TensorInfo>> new_tensors(const SafetensorsHeader& file, const WeightMap& map,
                                            const ConvertOptions& options) {
  std::vector<TensorInfo> tensors;
  std::vector<LayerWeights> layers(map.layers.begin(), map.layers.end());
  if (map.others) layers.push_back(*map.others);
  if (const std::size_t rows = new_others(map, options).size(); rows > 0) {
    layers.push_back(map.layers.back());
    layers.back().name = kOthersName;
    layers.back().shape[0] = rows;
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerWeights& layer = layers[i];
    Shape shape = layer.shape;
    if (i == kPredictions && !options.classes.empty()) {
      for (const std::size_t index : options.classes) {
        if (index < shape[0]) continue;
        return fail(ErrorCode::kInvalidArgument, "class " + std::to_string(index) +
                                                     " does not exist; the model has " +
                                                     std::to_string(shape[0]) + " classes");
      }
      shape[0] = options.classes.size();
    }
    const std::size_t outputs = shape[0];
    const std::size_t inputs = row_elements(shape);
    const DType stored = file.tensors[layer.weight].dtype;
    const DType dtype = new_dtype(options.precision, stored, i, inputs);
    if (dtype == DType::kU8) shape[1] /= 2;
    tensors.push_back({.name = layer.name + ".weight", .dtype = dtype, .shape = std::move(shape)});
    if (is_quantized(dtype)) {
      Shape scales = {outputs};
      if (dtype == DType::kU8) scales.push_back((inputs + kInt4Group - 1) / kInt4Group);
      tensors.push_back({.name = layer.name + ".weight_scale", .shape = std::move(scales)});
    }
    tensors.push_back({.name = layer.name + ".bias", .shape = {outputs}});
  }
  GRADCAM_CHECK_OK(assign_offsets(tensors));
  return tensors;
}

std::size_t row_bytes(const TensorInfo& tensor) {
  return row_elements(tensor.shape) * dtype_size(tensor.dtype);
}

std::unexpected<Error> row_error(const TensorInfo& tensor, std::size_t row, const Error& error) {
  return fail(error.code, "tensor " + quote(tensor.name) + ", row " + std::to_string(row) + ": " +
                              error.message);
}

}  // namespace

std::optional<Precision> precision_from_name(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames = {"f32", "f16", "int8", "int4"};
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Precision>(found - kNames.begin());
}

Result<ModelConverter> ModelConverter::create(SafetensorsHeader file, ConvertOptions options) {
  ModelConverter converter;
  GRADCAM_TRY(converter.map_, map_names(file));
  GRADCAM_TRY(const std::vector<TensorInfo> tensors, new_tensors(file, converter.map_, options));
  converter.beginning_ =
      serialize_safetensors_header(tensors, serialize_metadata(options.metadata));
  converter.file_bytes_ = converter.beginning_.size() + tensors.back().end;
  converter.file_ = std::move(file);
  converter.options_ = std::move(options);
  for (std::size_t layer = 0; layer < kLayerNames.size(); ++layer) converter.plan(layer);
  if (converter.map_.others || !new_others(converter.map_, converter.options_).empty()) {
    converter.plan(kOthers);
  }
  return converter;
}

/// What a layer of the new file is made of.
const LayerWeights& ModelConverter::weights(std::size_t layer) const {
  if (layer < kOthers) return map_.layers[layer];
  return map_.others ? *map_.others : map_.layers.back();
}

/// The steps of a layer, in the order of the new file, some megabytes at a time.
void ModelConverter::plan(std::size_t layer) {
  const LayerWeights& weights = this->weights(layer);
  const Shape& shape = weights.shape;
  const std::vector<std::size_t> picked = layer == kPredictions ? options_.classes
                                          : layer == kOthers    ? new_others(map_, options_)
                                                                : std::vector<std::size_t>();
  const auto add = [&](Step::Part part, std::size_t most) {
    if (part != Step::Part::kOldScales && !picked.empty()) {
      for (const std::size_t index : picked) {
        steps_.push_back({layer, part, index, 1, false});
      }
    } else {
      for (std::size_t first = 0; first < shape[0]; first += most) {
        steps_.push_back({layer, part, first, std::min(most, shape[0] - first), false});
      }
    }
    steps_.back().ends_part = true;
  };
  if (weights.scale) add(Step::Part::kOldScales, shape[0]);
  add(Step::Part::kWeight,
      std::max<std::size_t>(1, kPieceBytes / (row_elements(shape) * sizeof(float))));
  add(Step::Part::kBias, shape[0]);
}

const TensorInfo& ModelConverter::tensor(const Step& step) const {
  const LayerWeights& weights = this->weights(step.layer);
  if (step.part == Step::Part::kOldScales && weights.scale) return file_.tensors[*weights.scale];
  return file_.tensors[step.part == Step::Part::kBias ? weights.bias : weights.weight];
}

/// Where a step's rows are in the old file.
FileRange ModelConverter::range(const Step& step) const {
  const TensorInfo& source = tensor(step);
  const std::uint64_t row = row_bytes(source);
  const std::uint64_t begin = file_.data_offset + source.begin + step.first * row;
  return {begin, begin + step.count * row};
}

std::optional<FileRange> ModelConverter::wanted() const {
  if (next_ == steps_.size()) return std::nullopt;
  return range(steps_[next_]);
}

std::uint64_t ModelConverter::needs_from() const {
  std::uint64_t first = file_.data_offset + file_.tensors.back().end;
  for (const Step& step : std::span(steps_).subspan(next_)) {
    first = std::min(first, range(step).begin);
  }
  return first;
}

Result<std::span<const std::uint8_t>> ModelConverter::provide(std::span<const std::uint8_t> bytes) {
  const auto range = wanted();
  if (!range || range->end - range->begin != bytes.size()) {
    return fail(ErrorCode::kInvalidArgument,
                "the converter was given " + std::to_string(bytes.size()) + " bytes, but wants " +
                    std::to_string(range ? range->end - range->begin : 0));
  }
  const Step& step = steps_[next_];
  out_.clear();
  if (step.part == Step::Part::kWeight) {
    GRADCAM_CHECK_OK(convert_rows(step, bytes));
    if (step.ends_part) {
      append_floats(new_scales_);
      new_scales_.clear();
      old_scales_.clear();
    }
  } else {
    const TensorInfo& source = tensor(step);
    std::vector<float> values(step.count * row_elements(source.shape));
    const auto status = to_float32(source.dtype, bytes, values);
    if (!status) return row_error(source, step.first, status.error());
    if (step.part == Step::Part::kBias) {
      append_floats(values);
    } else {
      old_scales_ = std::move(values);
    }
  }
  ++next_;
  return out_;
}

/// One row as float32 in canonical layout, in `row_`.
Result<void> ModelConverter::decode(std::size_t layer, std::size_t row,
                                    std::span<const std::uint8_t> bytes) {
  const LayerWeights& weights = this->weights(layer);
  row_.resize(row_elements(weights.shape));
  switch (weights.format) {
    case WeightFormat::kFloat:
      return read_float_row(map_, layer, file_.tensors[weights.weight].dtype, bytes, scratch_,
                            row_);
    case WeightFormat::kInt8:
      int8_.resize(row_.size());
      std::ranges::transform(bytes, int8_.begin(),
                             [](std::uint8_t b) { return std::bit_cast<std::int8_t>(b); });
      dequantize_int8(int8_, old_scales_[row], row_);
      break;
    case WeightFormat::kInt4: {
      const std::size_t groups = old_scales_.size() / weights.shape[0];
      dequantize_int4(bytes, std::span(old_scales_).subspan(row * groups, groups), row_);
      break;
    }
  }
  if (!std::ranges::all_of(row_, [](float value) { return std::isfinite(value); })) {
    return fail(ErrorCode::kCorruptModel,
                quote(file_.tensors[weights.weight].name) + " has values that are not finite");
  }
  return {};
}

/// Appends `row_` to `out_` in the new format, and its scales to `new_scales_`.
Result<void> ModelConverter::encode(std::size_t layer) {
  const std::size_t channels = layer == kFc1 ? row_.size() / (map_.grid * map_.grid) : 1;
  const std::size_t old = out_.size();
  const DType stored = file_.tensors[weights(layer).weight].dtype;
  switch (new_dtype(options_.precision, stored, layer, row_.size())) {
    case DType::kF16:
      for (const float value : row_) {
        const Float16 half = f32_to_f16(value);
        if ((half & kFloat16Magnitude) >= kFloat16Infinity) {
          return fail(ErrorCode::kInvalidArgument,
                      "it has a value beyond 65504, too large for float16");
        }
        append_little_endian(half);
      }
      break;
    case DType::kI8:
      int8_.resize(row_.size());
      new_scales_.push_back(quantize_int8(row_, channels, int8_));
      out_.resize(old + row_.size());
      std::ranges::transform(int8_, out_.begin() + static_cast<std::ptrdiff_t>(old),
                             [](std::int8_t q) { return std::bit_cast<std::uint8_t>(q); });
      break;
    case DType::kU8: {
      const std::size_t groups = (row_.size() + kInt4Group - 1) / kInt4Group;
      new_scales_.resize(new_scales_.size() + groups);
      out_.resize(old + row_.size() / 2);
      quantize_int4(row_, channels, std::span(out_).subspan(old),
                    std::span(new_scales_).last(groups));
      break;
    }
    default:
      for (const float value : row_) append_little_endian(std::bit_cast<std::uint32_t>(value));
      break;
  }
  return {};
}

Result<void> ModelConverter::convert_rows(const Step& step, std::span<const std::uint8_t> bytes) {
  const TensorInfo& source = tensor(step);
  const std::size_t stride = row_bytes(source);
  for (std::size_t i = 0; i < step.count; ++i) {
    const std::size_t row = step.first + i;
    auto status = decode(step.layer, row, bytes.subspan(i * stride, stride));
    if (status) status = encode(step.layer);
    if (!status) return row_error(source, row, status.error());
  }
  return {};
}

template <class Bits>
void ModelConverter::append_little_endian(Bits bits) {
  for (std::size_t i = 0; i < sizeof(Bits); ++i) {
    out_.push_back(static_cast<std::uint8_t>(bits >> 8 * i & 0xff));
  }
}

void ModelConverter::append_floats(std::span<const float> values) {
  for (const float value : values) append_little_endian(std::bit_cast<std::uint32_t>(value));
}

Result<void> convert_model(ModelConverter& converter, const ReadBytes& read,
                           const WriteBytes& write) {
  GRADCAM_CHECK_OK(write(converter.beginning()));
  std::vector<std::uint8_t> bytes;
  for (auto range = converter.wanted(); range; range = converter.wanted()) {
    bytes.resize(static_cast<std::size_t>(range->end - range->begin));
    GRADCAM_CHECK_OK(read(range->begin, bytes));
    GRADCAM_TRY(const std::span<const std::uint8_t> converted, converter.provide(bytes));
    GRADCAM_CHECK_OK(write(converted));
  }
  return {};
}

}  // namespace gradcam
