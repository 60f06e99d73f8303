#include "gradcam/vgg16/loader.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "gradcam/kernels/row_pitch.h"
#include "gradcam/kernels/transpose.h"
#include "gradcam/vgg16/plan.h"
#include "gradcam/weights/imagenet_labels.h"
#include "gradcam/weights/quantize.h"
#include "gradcam/weights/rows.h"
#include "gradcam/weights/to_float.h"

namespace gradcam {
namespace {

/// Labels and preprocessing for a file that does not say: ImageNet's where there are as many, else
/// "class 0", ..., and torchvision's own.
Result<void> complete_metadata(const WeightMap& map, ModelInfo& info) {
  const std::size_t classes = map.layers.back().shape[0];
  if (map.logits() < 2) {
    return fail(ErrorCode::kUnsupportedFormat,
                "the last layer has a single output: as the logit of the only class, its softmax "
                "is 1 for every photo. One that is for a sigmoid is read as two classes from the "
                "files of PyTorch, Keras and ONNX that say so");
  }
  auto& labels = info.metadata.labels;
  if (labels.empty() && classes == kImageNetClasses) labels = imagenet_labels();
  if (labels.empty()) {
    for (std::size_t i = 0; i < classes; ++i) labels.push_back("class " + std::to_string(i));
  }
  if (labels.size() != classes) {
    return fail(ErrorCode::kCorruptModel, "the file has " + std::to_string(labels.size()) +
                                              " labels for a last layer of " +
                                              std::to_string(classes) + " outputs");
  }
  auto& others = info.metadata.others;
  if (!map.others) others.clear();
  if (map.others && others.empty()) others = kUnnamedOthers;
  const std::size_t side = map.grid * kTotalStride;
  if (info.metadata.preprocess.empty()) {
    const std::size_t shorter_side = usual_shorter_side(side);
    if (shorter_side > kMaxPreprocessSide) {
      return fail(ErrorCode::kCorruptModel, "fc1 is made for inputs of " + std::to_string(side) +
                                                " pixels, out of photos of " +
                                                std::to_string(shorter_side) + "; the most is " +
                                                std::to_string(kMaxPreprocessSide));
    }
    info.preprocess.size = info.preprocess.crop = static_cast<int>(side);
    info.preprocess.shorter_side = static_cast<int>(shorter_side);
  } else {
    const auto preprocess = parse_preprocess(info.metadata.preprocess);
    if (!preprocess) return fail(ErrorCode::kCorruptModel, preprocess.error().message);
    info.preprocess = *preprocess;
  }
  if (info.side() / kTotalStride != map.grid) {
    return fail(ErrorCode::kCorruptModel,
                "the preprocessing makes inputs of " + std::to_string(info.preprocess.size) +
                    " pixels, but fc1 is made for " + std::to_string(side));
  }
  return {};
}

/// Weights that are stored in 8 bits or less stay so: transformed, they would take nine times the
/// memory and more.
ConvAlgorithm choose_algorithm(const LoadOptions& options, std::size_t in_channels,
                               WeightFormat format) {
  if (options.convolution) return *options.convolution;
  constexpr std::size_t kColours = 3;  // block1_conv1 has few weights
  const bool stays = options.low_memory || format != WeightFormat::kFloat;
  return stays && in_channels > kColours ? ConvAlgorithm::kWinogradLean
                                         : default_conv_algorithm(in_channels);
}

/// What the file holds, and what will run it.
std::vector<LayerInfo> describe_layers(const SafetensorsHeader& header, const WeightMap& map,
                                       const LoadOptions& options, std::size_t side) {
  std::vector<LayerInfo> layers;
  for (std::size_t i = 0; i < map.layers.size(); ++i) {
    const LayerWeights& layer = map.layers[i];
    LayerInfo info{.name = layer.name,
                   .weight = layer.shape,
                   .output = {layer.shape[0]},
                   .dtype = layer.format == WeightFormat::kInt4
                                ? "I4"
                                : std::string(dtype_name(header.tensors[layer.weight].dtype)),
                   .algorithm = "gemv"};
    if (i == kPredictions) info.weight[0] = info.output[0] = map.logits();
    if (i < kConvLayers) {
      info.output = {side, side, layer.shape[0]};
      info.algorithm = conv_algorithm_name(choose_algorithm(options, layer.shape[3], layer.format));
      if (kEndsBlock[i]) side /= 2;
    }
    layers.push_back(std::move(info));
  }
  return layers;
}

/// A small file may be of a network that makes gigabytes of a photo.
Result<void> check_maps(const std::vector<LayerInfo>& layers) {
  // Of a VGG16 that takes 2048 x 2048 pixels, in block1: 1 GB of float32.
  constexpr std::size_t kMostNumbers = std::size_t{2048} * 2048 * 64;
  for (const LayerInfo& layer : layers) {
    if (layer.output.size() == 1 || row_elements(layer.output) <= kMostNumbers / layer.output[0]) {
      continue;
    }
    return fail(ErrorCode::kCorruptModel, "the output of " + layer.name + " has the shape " +
                                              to_string(layer.output) +
                                              ", where that of 2048 x 2048 x 64 is the largest");
  }
  return {};
}

}  // namespace

Result<Vgg16Loader> Vgg16Loader::begin(SafetensorsHeader header, const LoadOptions& options) {
  GRADCAM_CHECK_OK(check_share(options.share));
  if (options.leave_fc1 && options.share.members > 1) {
    return fail(ErrorCode::kInvalidArgument,
                "fc1 can be left in the file by a member that is the only one");
  }
  Vgg16Loader loader;
  loader.options_ = options;
  GRADCAM_TRY(loader.info_.metadata, parse_metadata(header.metadata));
  GRADCAM_TRY(loader.map_, map_names(header));
  GRADCAM_CHECK_OK(complete_metadata(loader.map_, loader.info_));
  loader.info_.layers = describe_layers(header, loader.map_, options, loader.info_.side());
  GRADCAM_CHECK_OK(check_maps(loader.info_.layers));
  loader.rows_.resize(header.tensors.size());
  loader.targets_.resize(header.tensors.size());
  for (std::size_t i = 0; i < loader.map_.layers.size(); ++i) {
    const LayerWeights& layer = loader.map_.layers[i];
    loader.set_targets(i, layer, 0);
    loader.pending_[i].missing = loader.own(i).size() * (layer.scale ? 3 : 2);
    loader.info_.parameters += loader.outputs(i) * (row_elements(layer.shape) + 1);
  }
  if (loader.map_.others) {
    loader.set_targets(kPredictions, *loader.map_.others, loader.map_.layers.back().shape[0]);
  }
  loader.header_ = std::move(header);
  return loader;
}

void Vgg16Loader::set_targets(std::size_t layer, const LayerWeights& weights, std::size_t first) {
  const Range rows = {first, first + weights.shape[0]};
  targets_[weights.weight] = {layer, Part::kWeight, rows};
  targets_[weights.bias] = {layer, Part::kBias, rows};
  if (weights.scale) targets_[*weights.scale] = {layer, Part::kScale, rows};
}

std::size_t Vgg16Loader::row_bytes(std::size_t tensor) const {
  if (tensor >= header_.tensors.size()) return 0;
  const TensorInfo& info = header_.tensors[tensor];
  return row_elements(info.shape) * dtype_size(info.dtype);
}

std::vector<std::size_t> Vgg16Loader::order() const {
  std::vector<std::size_t> tensors;
  for (const bool first : {true, false}) {
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      const bool is_first = leaves(targets_[i].layer) && targets_[i].part == Part::kScale;
      if (is_first == first) tensors.push_back(i);
    }
  }
  return tensors;
}

FileRange Vgg16Loader::wanted(std::size_t tensor) const {
  if (tensor >= header_.tensors.size()) return {};
  const Range rows = own_of_tensor(tensor);
  const std::uint64_t begin = header_.data_offset + header_.tensors[tensor].begin;
  const std::uint64_t row = row_bytes(tensor);
  return {begin + rows.begin * row, begin + rows.end * row};
}

Range Vgg16Loader::own(std::size_t layer) const {
  if (layer == kPredictions) return {0, outputs(layer)};
  if (layer >= kStripLayers) return own_outputs(outputs(layer), options_.share);
  const bool has_rows = !own_rows(info_.side(), options_.share).empty();
  return has_rows ? Range{0, outputs(layer)} : Range{};
}

Range Vgg16Loader::own_of_tensor(std::size_t tensor) const {
  const Target& target = targets_[tensor];
  const Range own = this->own(target.layer);
  const Range rows = {std::max(own.begin, target.rows.begin), std::min(own.end, target.rows.end)};
  if (rows.begin >= rows.end) return {};
  return {rows.begin - target.rows.begin, rows.end - target.rows.begin};
}

Shape Vgg16Loader::own_shape(std::size_t layer) const {
  Shape shape = map_.layers[layer].shape;
  shape[0] = own(layer).size();
  return shape;
}

Result<void> Vgg16Loader::allocate(std::size_t layer) {
  Pending& pending = pending_[layer];
  if (!bias(layer).empty()) return {};
  const Shape shape = own_shape(layer);
  if (leaves(layer)) {
    const std::size_t weight = map_.layers[layer].weight;
    fc1_in_file_ = {.map = map_,
                    .dtype = dtype(layer),
                    .weight = wanted(weight),
                    .row_bytes = row_bytes(weight),
                    .scale = {},
                    .bias = {}};
    GRADCAM_TRY(fc1_sums_, Tensor::zeros({shape[0], shape[1] / (map_.grid * map_.grid)}));
  } else if (stores(layer)) {
    GRADCAM_TRY(pending.stored, StoredRows::allocate(map_, layer, dtype(layer), shape[0]));
  } else {
    Shape weight = {shape[0], row_elements(shape)};
    if (turns(layer)) std::swap(weight[0], weight[1]);
    GRADCAM_TRY(pending.weight, Tensor::uninitialized(std::move(weight)));
  }
  GRADCAM_TRY(bias(layer), Tensor::zeros({shape[0]}));
  if (const auto& tensor = map_.layers[layer].scale) {
    Shape scales = header_.tensors[*tensor].shape;
    scales[0] = shape[0];
    GRADCAM_TRY(scale(layer), Tensor::zeros(std::move(scales)));
  }
  return {};
}

bool Vgg16Loader::keeps(std::size_t layer) const {
  return !is_conv(layer) || algorithm(layer) == ConvAlgorithm::kWinogradLean;
}

ConvAlgorithm Vgg16Loader::algorithm(std::size_t layer) const {
  return choose_algorithm(options_, map_.layers[layer].shape[3], format(layer));
}

/// fc1: block5_pool is what a ReLU has left over, and three quarters of all weights are its.
bool Vgg16Loader::turns(std::size_t layer) const {
  return layer == kFc1 && format(layer) == WeightFormat::kFloat && dtype(layer) != DType::kF16;
}

Result<void> Vgg16Loader::provide(std::size_t tensor, std::span<const std::uint8_t> bytes) {
  if (tensor >= header_.tensors.size()) {
    return fail(ErrorCode::kInvalidArgument,
                "the file has no tensor number " + std::to_string(tensor));
  }
  const TensorInfo& info = header_.tensors[tensor];
  const std::size_t stride = row_bytes(tensor);
  const std::size_t rows = bytes.size() / stride;
  const auto [layer, part, rows_of_layer] = targets_[tensor];
  const Range own = own_of_tensor(tensor);
  if (bytes.size() % stride != 0 || rows > own.size() - rows_[tensor]) {
    return fail(ErrorCode::kInvalidArgument,
                "tensor " + info.name + " was given " + std::to_string(bytes.size()) +
                    " bytes after " + std::to_string(rows_[tensor]) + " of its " +
                    std::to_string(own.size()) + " rows of " + std::to_string(stride) + " bytes");
  }
  if (rows == 0) return {};
  GRADCAM_CHECK_OK(allocate(layer));
  Pending& pending = pending_[layer];
  const std::size_t first = rows_of_layer.begin + own.begin - this->own(layer).begin;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t row = first + rows_[tensor];
    const auto row_bytes = bytes.subspan(i * stride, stride);
    Result<void> status;
    if (part == Part::kWeight) {
      status = read_weight_row(layer, row, row_bytes);
    } else {
      Tensor& values = part == Part::kBias ? bias(layer) : scale(layer);
      const std::size_t elements = row_elements(info.shape);
      status = to_float32(info.dtype, row_bytes, values.values().subspan(row * elements, elements));
    }
    if (!status) {
      return fail(status.error().code, "tensor " + info.name + ", row " +
                                           std::to_string(own.begin + rows_[tensor]) + ": " +
                                           status.error().message);
    }
    if (part == Part::kBias && this->own(layer).begin + row < fingerprinted(layer).end) {
      biases_[layer].add(std::uint64_t{std::bit_cast<std::uint32_t>(bias(layer).data()[row])});
    }
    ++rows_[tensor];
    --pending.missing;
  }
  return pending.missing == 0 ? pack(layer) : Result<void>();
}

Result<void> Vgg16Loader::read_weight_row(std::size_t layer, std::size_t row,
                                          std::span<const std::uint8_t> bytes) {
  Pending& pending = pending_[layer];
  if (layer == kFc1 && fc1_in_file_) return sum_row(*fc1_in_file_, row, bytes);
  if (stores(layer)) return pending.stored.read(map_, row, bytes);
  const std::size_t elements = row_elements(map_.layers[layer].shape);
  if (format(layer) == WeightFormat::kInt8) {
    std::ranges::transform(bytes, pending.weight.data() + row * elements, [](std::uint8_t b) {
      return static_cast<float>(std::bit_cast<std::int8_t>(b));
    });
    return {};
  }
  if (!turns(layer)) {
    const auto target = pending.weight.values().subspan(row * elements, elements);
    return read_float_row(map_, layer, dtype(layer), bytes, scratch_, target);
  }
  const std::size_t rows = pending.weight.dim(1);
  const std::size_t pitch = row_pitch(elements);
  const std::size_t count = row % kTransposedRows + 1;
  unturned_.resize(kTransposedRows * pitch);
  const auto target = std::span(unturned_).subspan((count - 1) * pitch, elements);
  GRADCAM_CHECK_OK(read_float_row(map_, layer, dtype(layer), bytes, scratch_, target));
  if (count == kTransposedRows || row + 1 == rows) {
    float* first = pending.weight.data() + (row + 1 - count);
    transpose(unturned_.data(), count, elements, pitch, first, rows);
  }
  return {};
}

/// All that is kept of a row of fc1 that is left in the file.
Result<void> Vgg16Loader::sum_row(const Fc1InFile& fc1, std::size_t row,
                                  std::span<const std::uint8_t> bytes) {
  const auto& scale = map_.layers[kFc1].scale;
  if (scale && rows_[*scale] < own(kFc1).size()) {
    return fail(ErrorCode::kInvalidArgument,
                "the scales of weights that are left in the file "
                "must be provided before these");
  }
  GRADCAM_TRY(const Dense one, fc1.rows(row, bytes));
  GRADCAM_TRY(const Dense summed, one.summed_over_positions(map_.grid * map_.grid));
  summed.expand(0, 0, fc1_sums_.values().subspan(row * summed.inputs(), summed.inputs()));
  return {};
}

Result<void> Vgg16Loader::pack(std::size_t layer) {
  return is_conv(layer) ? pack_conv(layer) : pack_dense(layer);
}

Conv3x3Spec Vgg16Loader::conv_spec(std::size_t layer) const {
  const Shape shape = own_shape(layer);
  Conv3x3Spec spec{.in_channels = shape[3], .out_channels = shape[0], .relu = true};
  // block5_conv3 is looked at before it is pooled.
  spec.pool = kEndsBlock[layer] && layer + 1 < kConvLayers;
  spec.usual_side = info_.side(pools_before(layer));
  if (layer < kStripLayers) {
    const Range rows = own_rows(info_.side(), options_.share);
    spec.pad_top = rows.begin == 0 ? 1 : 0;
    spec.pad_bottom = rows.end == info_.side() ? 1 : 0;
  }
  return spec;
}

Result<void> Vgg16Loader::pack_conv(std::size_t layer) {
  Pending pending = std::exchange(pending_[layer], {});
  Vgg16::Conv& conv = conv_[layer];
  conv.spec = conv_spec(layer);
  conv.backward = choose_algorithm(options_, own_shape(layer)[0], format(layer));
  conv.transpose = std::make_unique<Vgg16::Transpose>();
  if (keeps(layer)) {
    GRADCAM_TRY(const Tensor bias, pending.bias.clone());
    GRADCAM_TRY(
        Dense rows,
        std::move(pending.stored).to_dense(std::move(pending.scale), std::move(pending.bias)));
    const auto weights = [kept = std::make_shared<const Dense>(std::move(rows))](
                             std::size_t output, std::size_t first, std::span<float> values) {
      kept->expand(output, first, values);
    };
    GRADCAM_TRY(conv.kernel, make_lean_conv3x3(conv.spec, weights, bias.data()));
    return {};
  }
  if (format(layer) == WeightFormat::kInt8) {
    const std::size_t elements = pending.weight.dim(1);
    for (std::size_t o = 0; o < pending.weight.dim(0); ++o) {
      for (float& value : pending.weight.values().subspan(o * elements, elements)) {
        value *= pending.scale.data()[o];
      }
    }
  }
  GRADCAM_TRY(conv.kernel, make_conv3x3(algorithm(layer), conv.spec, pending.weight.data(),
                                        pending.bias.data()));
  return {};
}

Result<void> Vgg16Loader::pack_dense(std::size_t layer) {
  Pending pending = std::exchange(pending_[layer], {});
  std::optional<Dense>& dense = dense_[layer - kFc1];
  if (leaves(layer)) {
    const Shape none = {0, row_elements(map_.layers[layer].shape)};
    GRADCAM_TRY(Tensor weight, Tensor::zeros(none));
    GRADCAM_TRY(dense, Dense::from_float32(std::move(weight), {}));
  } else if (turns(layer)) {
    GRADCAM_TRY(dense, Dense::from_columns(std::move(pending.weight), std::move(pending.bias)));
  } else {
    GRADCAM_TRY(
        dense,
        std::move(pending.stored).to_dense(std::move(pending.scale), std::move(pending.bias)));
  }
  return {};
}

/// A layer of which nothing belongs to the share.
Result<void> Vgg16Loader::pack_nothing(std::size_t layer) {
  if (is_conv(layer)) {
    conv_[layer].spec = conv_spec(layer);
    return {};
  }
  GRADCAM_CHECK_OK(allocate(layer));
  return pack(layer);
}

/// The outputs whose biases are in the fingerprint: those that the first member has, however many
/// there are.
Range Vgg16Loader::fingerprinted(std::size_t layer) const {
  if (layer == kPredictions) return {};
  return own_outputs(outputs(layer), {.member = 0, .members = kMaxMembers});
}

std::string Vgg16Loader::fingerprint() const {
  Fingerprint all;
  for (std::size_t i = 0; i < kPredictions; ++i) {
    const Range own = this->own(i);
    if (own.begin > 0 || own.end < fingerprinted(i).end) return "";
    all.add(map_.layers[i].name);
    for (const std::size_t dim : map_.layers[i].shape) all.add(std::uint64_t{dim});
    all.add(biases_[i].value());
  }
  all.add(to_json(info_.preprocess));
  return all.hex();
}

Result<Vgg16> Vgg16Loader::finish() {
  for (std::size_t i = 0; i < header_.tensors.size(); ++i) {
    const std::size_t rows = own_of_tensor(i).size();
    if (rows_[i] < rows) {
      return fail(ErrorCode::kInvalidArgument, "tensor " + header_.tensors[i].name +
                                                   " is incomplete: " + std::to_string(rows_[i]) +
                                                   " of " + std::to_string(rows) +
                                                   " rows were provided");
    }
  }
  for (std::size_t i = 0; i < map_.layers.size(); ++i) {
    if (own(i).empty()) GRADCAM_CHECK_OK(pack_nothing(i));
  }
  info_.fingerprint = fingerprint();
  auto& [fc1, fc2, predictions] = dense_;
  const auto is_packed = [](const Vgg16::Conv& conv) {
    return conv.kernel != nullptr || conv.spec.out_channels == 0;
  };
  if (finished_ || !std::ranges::all_of(conv_, is_packed) || !fc1 || !fc2 || !predictions) {
    return fail(ErrorCode::kInvalidArgument,
                "the loader has given its model away, or lacked memory for it");
  }
  GRADCAM_TRY(Tensor no_bias, Tensor::zeros({fc1_in_file_ ? outputs(kFc1) : 0}));
  auto fc1_sums = fc1_in_file_ ? Dense::from_float32(std::move(fc1_sums_), std::move(no_bias))
                               : fc1->summed_over_positions(map_.grid * map_.grid);
  if (!fc1_sums) return std::unexpected(fc1_sums.error());
  finished_ = true;
  Vgg16 model(std::move(info_), options_.share, std::move(conv_), *std::move(fc1),
              *std::move(fc1_sums), *std::move(fc2), *std::move(predictions));
  model.fc1_in_file_ = std::move(fc1_in_file_);
  model.low_memory_ = options_.low_memory;
  if (options_.head != nullptr) GRADCAM_CHECK_OK(model.use_head(options_.head.get()));
  return model;
}

Result<Vgg16> load_vgg16(std::span<const std::uint8_t> file, const LoadOptions& options) {
  GRADCAM_TRY(SafetensorsHeader header, parse_safetensors_header(file, file.size()));
  GRADCAM_TRY(Vgg16Loader loader, Vgg16Loader::begin(std::move(header), options));
  for (const std::size_t i : loader.order()) {
    const auto [begin, end] = loader.wanted(i);
    GRADCAM_CHECK_OK(loader.provide(
        i, file.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin))));
  }
  return loader.finish();
}

}  // namespace gradcam
