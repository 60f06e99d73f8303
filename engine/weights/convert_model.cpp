#include "weights/convert_model.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <utility>

#include "tensor/int4.h"
#include "weights/convert.h"
#include "weights/names.h"
#include "weights/quantize.h"
#include "weights/quote.h"
#include "weights/rows.h"

namespace gradcam {
namespace {

using internal::quote;

constexpr std::size_t kFc1 = kConvLayers;
constexpr std::size_t kPredictions = kLayerNames.size() - 1;
constexpr std::size_t kExactConvLayers = 4;  // blocks 1 and 2
constexpr std::size_t kChunkBytes = 4 << 20;

/// The element type of a layer's weights in the new file; U8 is int4.
DType new_dtype(Precision precision, std::size_t layer, std::size_t inputs) {
  if (precision == Precision::kFloat32) return DType::kF32;
  if (precision == Precision::kFloat16 || layer < kExactConvLayers) return DType::kF16;
  const bool is_int4 = precision == Precision::kInt4 && layer >= kFc1 && layer < kPredictions &&
                       inputs % kInt4Block == 0;
  return is_int4 ? DType::kU8 : DType::kI8;
}

bool is_quantized(DType dtype) { return dtype == DType::kI8 || dtype == DType::kU8; }

Result<std::vector<TensorInfo>> new_tensors(const WeightMap& map, const ConvertOptions& options) {
  std::vector<TensorInfo> tensors;
  for (std::size_t i = 0; i < map.layers.size(); ++i) {
    const LayerWeights& layer = map.layers[i];
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
    const DType dtype = new_dtype(options.precision, i, inputs);
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

/// A run of a tensor's rows as the file has them.
struct Rows {
  std::size_t first;
  std::size_t count;
};

class Converter {
 public:
  Converter(const SafetensorsHeader& file, const WeightMap& map, const ConvertOptions& options,
            const ReadBytes& read, const WriteBytes& write)
      : file_(file), map_(map), options_(options), read_(read), write_(write) {}

  Result<void> convert_layer(std::size_t layer) {
    const LayerWeights& weights = map_.layers[layer];
    old_scales_.clear();
    if (weights.scale) {
      const TensorInfo& scale = file_.tensors[*weights.scale];
      GRADCAM_CHECK_OK(read_floats(scale, {0, scale.shape[0]}, old_scales_));
    }
    new_scales_.clear();
    for (const Rows& rows : chunks(layer)) {
      GRADCAM_CHECK_OK(convert_rows(layer, rows));
    }
    if (!new_scales_.empty()) GRADCAM_CHECK_OK(write_floats(new_scales_));
    std::vector<float> bias;
    const std::vector<Rows> kept = layer == kPredictions && !options_.classes.empty()
                                       ? chunks(layer)
                                       : std::vector<Rows>{{0, weights.shape[0]}};
    for (const Rows& rows : kept) {
      GRADCAM_CHECK_OK(read_floats(file_.tensors[weights.bias], rows, bias));
    }
    return write_floats(bias);
  }

 private:
  /// The rows that are kept, in the order of the new file, some megabytes at a time.
  std::vector<Rows> chunks(std::size_t layer) const {
    std::vector<Rows> result;
    if (layer == kPredictions && !options_.classes.empty()) {
      for (const std::size_t index : options_.classes) result.push_back({index, 1});
      return result;
    }
    const Shape& shape = map_.layers[layer].shape;
    const std::size_t most =
        std::max<std::size_t>(1, kChunkBytes / (row_elements(shape) * sizeof(float)));
    for (std::size_t first = 0; first < shape[0]; first += most) {
      result.push_back({first, std::min(most, shape[0] - first)});
    }
    return result;
  }

  static std::size_t row_bytes(const TensorInfo& tensor) {
    return row_elements(tensor.shape) * dtype_size(tensor.dtype);
  }

  static std::unexpected<Error> row_error(const TensorInfo& tensor, std::size_t row,
                                          const Error& error) {
    return fail(error.code, "tensor " + quote(tensor.name) + ", row " + std::to_string(row) + ": " +
                                error.message);
  }

  /// Leaves rows of a tensor in `bytes_`.
  Result<void> read_rows(const TensorInfo& tensor, const Rows& rows) {
    const std::size_t stride = row_bytes(tensor);
    bytes_.resize(rows.count * stride);
    return read_(file_.data_offset + tensor.begin + std::uint64_t{rows.first} * stride, bytes_);
  }

  /// Appends rows of biases or scales.
  Result<void> read_floats(const TensorInfo& tensor, const Rows& rows, std::vector<float>& values) {
    GRADCAM_CHECK_OK(read_rows(tensor, rows));
    const std::size_t old = values.size();
    values.resize(old + rows.count * row_elements(tensor.shape));
    const auto status = to_float32(tensor.dtype, bytes_, std::span(values).subspan(old));
    if (!status) return row_error(tensor, rows.first, status.error());
    return {};
  }

  /// One row as float32 in canonical layout, in `row_`.
  Result<void> decode(std::size_t layer, std::size_t row, std::span<const std::uint8_t> bytes) {
    const LayerWeights& weights = map_.layers[layer];
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
    return {};
  }

  /// Appends `row_` to `out_` in the new format, and its scales to `new_scales_`.
  Result<void> encode(std::size_t layer) {
    const std::size_t channels = layer == kFc1 ? row_.size() / (map_.grid * map_.grid) : 1;
    const std::size_t old = out_.size();
    switch (new_dtype(options_.precision, layer, row_.size())) {
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

  Result<void> convert_rows(std::size_t layer, const Rows& rows) {
    const TensorInfo& tensor = file_.tensors[map_.layers[layer].weight];
    GRADCAM_CHECK_OK(read_rows(tensor, rows));
    const std::size_t stride = row_bytes(tensor);
    out_.clear();
    for (std::size_t i = 0; i < rows.count; ++i) {
      const std::size_t row = rows.first + i;
      auto status = decode(layer, row, std::span(bytes_).subspan(i * stride, stride));
      if (status) status = encode(layer);
      if (!status) return row_error(tensor, row, status.error());
    }
    return write_(out_);
  }

  template <class Bits>
  void append_little_endian(Bits bits) {
    for (std::size_t i = 0; i < sizeof(Bits); ++i) {
      out_.push_back(static_cast<std::uint8_t>(bits >> 8 * i & 0xff));
    }
  }

  Result<void> write_floats(std::span<const float> values) {
    out_.clear();
    for (const float value : values) append_little_endian(std::bit_cast<std::uint32_t>(value));
    return write_(out_);
  }

  const SafetensorsHeader& file_;
  const WeightMap& map_;
  const ConvertOptions& options_;
  const ReadBytes& read_;
  const WriteBytes& write_;
  std::vector<float> old_scales_;  // of the layer
  std::vector<float> new_scales_;
  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint8_t> out_;
  std::vector<float> row_;
  std::vector<float> scratch_;
  std::vector<std::int8_t> int8_;
};

}  // namespace

std::optional<Precision> precision_from_name(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames = {"f32", "f16", "int8", "int4"};
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Precision>(found - kNames.begin());
}

Result<std::vector<TensorInfo>> converted_tensors(const SafetensorsHeader& file,
                                                  const ConvertOptions& options) {
  GRADCAM_TRY(const WeightMap map, map_names(file));
  return new_tensors(map, options);
}

Result<void> convert_model(const SafetensorsHeader& file, const ConvertOptions& options,
                           const ReadBytes& read, const WriteBytes& write) {
  GRADCAM_TRY(const WeightMap map, map_names(file));
  GRADCAM_TRY(const std::vector<TensorInfo> tensors, new_tensors(map, options));
  GRADCAM_CHECK_OK(
      write(serialize_safetensors_header(tensors, serialize_metadata(options.metadata))));
  Converter converter(file, map, options, read, write);
  for (std::size_t layer = 0; layer < map.layers.size(); ++layer) {
    GRADCAM_CHECK_OK(converter.convert_layer(layer));
  }
  return {};
}

}  // namespace gradcam
