#include "import/importer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>

#include "gradcam/kernels/transpose.h"
#include "gradcam/train/random.h"
#include "gradcam/weights/convert.h"
#include "gradcam/weights/metadata.h"
#include "gradcam/weights/names.h"
#include "gradcam/weights/quote.h"
#include "gradcam/weights/rows.h"
#include "import/keras.h"
#include "import/pytorch.h"
#include "import/zip.h"

namespace gradcam {
namespace {

constexpr std::string_view kHdf5Begins = "\x89HDF\r\n\x1a\n";
constexpr std::string_view kZipBegins = "PK\x03\x04";
constexpr std::uint8_t kPickleBegins = 0x80;
constexpr std::size_t kChunkBytes = 4 << 20;
constexpr std::size_t kPanelBytes = 128 << 20;
constexpr int kPixelsOfCell = 32;  // of the input, for a cell of block5_pool
constexpr std::size_t kDenseLayers = 3;
/// Of any layer: far above a VGG16's, and far below where sizes overflow.
constexpr std::size_t kMostWidth = 1 << 20;

bool begins_with(std::span<const std::uint8_t> bytes, std::string_view text) {
  return bytes.size() >= text.size() &&
         std::equal(text.begin(), text.end(), bytes.begin(),
                    [](char c, std::uint8_t byte) { return static_cast<std::uint8_t>(c) == byte; });
}

Result<ForeignVgg16> read_foreign(Window& window) {
  constexpr std::uint64_t kFirstBytes = 8;
  GRADCAM_TRY(const auto first, window.read(0, std::min(window.file_bytes(), kFirstBytes)));
  if (begins_with(first, kHdf5Begins)) return read_keras_hdf5(window);
  if (begins_with(first, kZipBegins)) {
    GRADCAM_TRY(const ZipDirectory archive, ZipDirectory::read(window));
    return archive.has(kKerasWeights) ? read_keras_archive(window, archive)
                                      : read_pytorch_archive(window, archive);
  }
  if (!first.empty() && first[0] == kPickleBegins) return read_pytorch_legacy(window);
  return fail(
      ErrorCode::kUnsupportedFormat,
      "it is neither HDF5 or an archive of Keras (.h5, .keras) nor a file of PyTorch (.pth)");
}

std::unexpected<Error> misfit(const std::string& what) {
  return fail(ErrorCode::kUnsupportedFormat, what);
}

/// Outputs and inputs of a dense layer, or outputs and channels of a convolution.
struct Sides {
  std::size_t outputs = 0;
  std::size_t inputs = 0;
};

Sides sides(const ForeignVgg16& network, const ForeignArray& weight) {
  const Shape& shape = weight.shape;
  const bool is_keras = network.layout == ForeignVgg16::Layout::kKeras;
  if (shape.size() == 2) return is_keras ? Sides{shape[1], shape[0]} : Sides{shape[0], shape[1]};
  return is_keras ? Sides{shape[3], shape[2]} : Sides{shape[0], shape[1]};
}

/// The arrays of a normalisation, in the order in which they are read.
std::array<const ForeignArray*, 4> norm_arrays(const ForeignNorm& norm) {
  return {&norm.scale, &norm.shift, &norm.mean, &norm.variance};
}

Result<void> check_layer(const ForeignLayer& layer, const Sides& sides, const Window& window) {
  std::vector<const ForeignArray*> arrays = {&layer.weight, &layer.bias};
  std::vector<const ForeignArray*> per_output = {&layer.bias};
  if (layer.norm) {
    for (const ForeignArray* array : norm_arrays(*layer.norm)) {
      arrays.push_back(array);
      per_output.push_back(array);
    }
  }
  for (const ForeignArray* array : arrays) {
    std::uint64_t bytes = dtype_size(array->dtype);
    for (const std::size_t side : array->shape) {
      if (side == 0 || side > kMostWidth * 9) {
        return misfit(internal::quote(array->name) + " has the shape " + to_string(array->shape));
      }
      bytes *= side;  // of two numbers, or four of which two are 3
    }
    if (array->begin > window.file_bytes() || bytes > window.file_bytes() - array->begin) {
      return fail(ErrorCode::kCorruptModel,
                  "it is cut short: " + internal::quote(array->name) + " reaches past its end");
    }
  }
  for (const ForeignArray* array : per_output) {
    if (array->shape == Shape{sides.outputs} && sides.outputs <= kMostWidth) continue;
    return misfit(internal::quote(array->name) + " has the shape " + to_string(array->shape) +
                  ", but expected is a number for each of the " + std::to_string(sides.outputs) +
                  " outputs of " + internal::quote(layer.weight.name));
  }
  return {};
}

/// Whether the layers are a VGG16's and fit together; the channels of block5.
Result<std::size_t> check_convs(const ForeignVgg16& network, const Window& window) {
  if (network.convs.size() != kConvLayers || network.dense.size() > kDenseLayers) {
    return misfit("it has " + std::to_string(network.convs.size()) + " convolutions and " +
                  std::to_string(network.dense.size()) +
                  " dense layers; a VGG16 has 13 convolutions, and behind them one to three dense "
                  "layers");
  }
  const bool is_keras = network.layout == ForeignVgg16::Layout::kKeras;
  std::size_t channels = 3;
  for (std::size_t i = 0; i < kConvLayers; ++i) {
    const ForeignArray& weight = network.convs[i].weight;
    const std::string expected = is_keras ? "[3, 3, " + std::to_string(channels) + ", outputs]"
                                          : "[outputs, " + std::to_string(channels) + ", 3, 3]";
    const std::size_t rows = is_keras ? 0 : 2;
    if (weight.shape.size() != 4 || weight.shape[rows] != 3 || weight.shape[rows + 1] != 3 ||
        sides(network, weight).inputs != channels) {
      return misfit(internal::quote(weight.name) + ", which should be VGG16's " +
                    std::string(kLayerNames[i]) + ", has the shape " + to_string(weight.shape) +
                    ", but expected is " + expected);
    }
    GRADCAM_CHECK_OK(check_layer(network.convs[i], sides(network, weight), window));
    channels = sides(network, weight).outputs;
  }
  return channels;
}

/// Rows and columns of block5_pool's output.
Result<std::size_t> check_dense(const ForeignVgg16& network, std::size_t channels,
                                const Window& window) {
  constexpr int kUsualSide = 224;
  std::size_t grid = static_cast<std::size_t>(network.side.value_or(kUsualSide) / kPixelsOfCell);
  constexpr std::size_t kMostGrid = kMaxPreprocessSide / kPixelsOfCell;
  std::size_t inputs = channels;
  for (std::size_t i = 0; i < network.dense.size(); ++i) {
    const ForeignLayer& layer = network.dense[i];
    const Sides found = sides(network, layer.weight);
    bool fits = layer.weight.shape.size() == 2 && found.inputs == inputs;
    if (i == 0 && !network.averages && layer.weight.shape.size() == 2) {
      const double positions = static_cast<double>(found.inputs) / static_cast<double>(channels);
      grid = static_cast<std::size_t>(std::lround(std::sqrt(positions)));
      fits = grid > 0 && grid <= kMostGrid && grid * grid * channels == found.inputs;
      // An average of a map leaves a number for each channel, and so does a maximum.
      if (grid == 1 && network.side.value_or(kUsualSide) != kPixelsOfCell) {
        return misfit(internal::quote(layer.weight.name) + " takes " +
                      std::to_string(found.inputs) +
                      " inputs, one for each channel; whether of each channel the average or the "
                      "maximum is meant, weights alone do not tell: save the whole model");
      }
    }
    if (!fits) {
      return misfit(internal::quote(layer.weight.name) + " takes " + std::to_string(found.inputs) +
                    " inputs, which does not follow a layer of " + std::to_string(inputs) +
                    " outputs");
    }
    GRADCAM_CHECK_OK(check_layer(layer, found, window));
    inputs = found.outputs;
  }
  if (grid == 0 || grid > kMostGrid || grid * grid * channels > kMostWidth) {
    return misfit("its input is smaller or larger than the engine takes");
  }
  return grid;
}

}  // namespace

bool is_foreign_model(std::span<const std::uint8_t> first_bytes) {
  return begins_with(first_bytes, kHdf5Begins) || begins_with(first_bytes, kZipBegins) ||
         (first_bytes.size() >= 2 && first_bytes[0] == kPickleBegins && first_bytes[1] >= 2 &&
          first_bytes[1] <= 5);
}

std::optional<Preprocess> preprocess_from_name(std::string_view name) {
  if (name == "keras") return kKerasPreprocess;
  if (name == "torchvision") return Preprocess{};
  if (name == "unit") return Preprocess{.mean = {0, 0, 0}, .std = {1, 1, 1}};
  return std::nullopt;
}

ModelImporter::ModelImporter(std::uint64_t file_bytes, ImportOptions options)
    : window_(file_bytes), options_(std::move(options)) {}

std::optional<FileRange> ModelImporter::wanted() const {
  if (tensors_.empty()) return wanted_;
  if (next_ == steps_.size()) return std::nullopt;
  const Step& step = steps_[next_];
  if (step.kind == Step::Kind::kEmit) return FileRange{};
  if (step.kind == Step::Kind::kNorm) {
    const ForeignArray& array = *norm_arrays(tensors_[step.tensor].norm)[step.first];
    return FileRange{array.begin, array.begin + dtype_size(array.dtype) * array.shape[0]};
  }
  const ForeignArray& from = tensors_[step.tensor].from;
  const bool gathers = step.kind == Step::Kind::kGather;
  const std::uint64_t row =
      dtype_size(from.dtype) * (gathers ? from.shape.back() : row_elements(from.shape));
  const std::uint64_t first = gathers ? step.inputs_first : step.first;
  const std::uint64_t count = gathers ? step.inputs_count : step.count;
  return FileRange{from.begin + first * row, from.begin + (first + count) * row};
}

Result<std::span<const std::uint8_t>> ModelImporter::provide(std::span<const std::uint8_t> bytes) {
  const auto range = wanted();
  if (!range || range->end - range->begin != bytes.size()) {
    return fail(ErrorCode::kInvalidArgument,
                "the importer was given " + std::to_string(bytes.size()) + " bytes, but wants " +
                    std::to_string(range ? range->end - range->begin : 0));
  }
  out_.clear();
  if (tensors_.empty()) {
    if (!bytes.empty()) GRADCAM_CHECK_OK(window_.provide(bytes));
    GRADCAM_CHECK_OK(begin());
    return out_;
  }
  const Step& step = steps_[next_++];
  switch (step.kind) {
    case Step::Kind::kNorm:
      GRADCAM_CHECK_OK(read_norm(step, bytes));
      break;
    case Step::Kind::kRows:
      GRADCAM_CHECK_OK(copy_rows(step, bytes));
      break;
    case Step::Kind::kGather:
      GRADCAM_CHECK_OK(gather(step, bytes));
      break;
    case Step::Kind::kEmit:
      emit(step);
      break;
  }
  return out_;
}

/// Tries to understand the old file by what is known of it.
Result<void> ModelImporter::begin() {
  auto network = read_foreign(window_);
  if (network) return plan(*std::move(network));
  const auto lacking = window_.lacking();
  if (!lacking) return std::unexpected(network.error());
  wanted_ = *lacking;
  return {};
}

Result<void> ModelImporter::plan(ForeignVgg16 network) {
  GRADCAM_TRY(const std::size_t channels, check_convs(network, window_));
  GRADCAM_TRY(const std::size_t grid, check_dense(network, channels, window_));
  GRADCAM_CHECK_OK(check_labels(options_.labels));
  const std::size_t classes = network.dense.empty()
                                  ? options_.labels.size()
                                  : sides(network, network.dense.back().weight).outputs;
  if (!options_.labels.empty() && options_.labels.size() != classes) {
    return fail(ErrorCode::kInvalidArgument, "there are " + std::to_string(options_.labels.size()) +
                                                 " labels, but the model has " +
                                                 std::to_string(classes) +
                                                 " classes; expected is one for each");
  }
  if (classes == 0) {
    return misfit(
        "it is without its top, the dense layers that name the classes; gradcam convert --labels "
        "gives it untrained ones");
  }

  Preprocess preprocess = network.preprocess;
  const auto side = static_cast<int>(grid) * kPixelsOfCell;
  // Of sides that are no multiple of 32, too, where the file tells.
  const int told = network.side.value_or(side);
  preprocess.size = told / kPixelsOfCell == static_cast<int>(grid) ? told : side;
  if (preprocess.resize == ResizeRule::kShorterSide) {
    constexpr int kUsualShorterSide = 256;
    constexpr int kUsualCrop = 224;
    preprocess.shorter_side = preprocess.size * kUsualShorterSide / kUsualCrop;
    preprocess.crop = preprocess.size;
  }
  if (options_.preprocess) {
    preprocess.bgr = options_.preprocess->bgr;
    preprocess.scale = options_.preprocess->scale;
    preprocess.mean = options_.preprocess->mean;
    preprocess.std = options_.preprocess->std;
  }
  // As its reader will: a scale, say, may be anything in the old file.
  GRADCAM_CHECK_OK(parse_preprocess(to_json(preprocess)));

  ModelMetadata metadata;
  metadata.preprocess = to_json(preprocess);
  metadata.source = options_.source;
  metadata.labels = options_.labels;
  if (network.dense.empty()) {
    metadata.source += ", with untrained dense layers";
  } else if (network.dense.size() < kDenseLayers || network.averages) {
    metadata.source += ", its top written as three dense layers";
  }

  const bool by_columns = network.layout == ForeignVgg16::Layout::kKeras;
  for (std::size_t i = 0; i < kConvLayers; ++i) {
    ForeignLayer& conv = network.convs[i];
    const Sides found = sides(network, conv.weight);
    const std::string name(kLayerNames[i]);
    tensors_.push_back(
        {.info = {.name = name + ".weight", .shape = {found.outputs, 3, 3, found.inputs}},
         .from = std::move(conv.weight),
         .by_columns = by_columns,
         .side = by_columns ? std::size_t{0} : std::size_t{3},
         .is_normalized = conv.norm.has_value(),
         .norm = conv.norm.value_or(ForeignNorm())});
    tensors_.push_back({.info = {.name = name + ".bias", .shape = {found.outputs}},
                        .from = std::move(conv.bias),
                        .is_normalized = conv.norm.has_value(),
                        .norm = conv.norm.value_or(ForeignNorm())});
  }
  plan_dense(std::move(network), channels, grid);

  std::vector<TensorInfo> infos;
  for (const NewTensor& tensor : tensors_) infos.push_back(tensor.info);
  GRADCAM_CHECK_OK(assign_offsets(infos));
  out_ = serialize_safetensors_header(infos, serialize_metadata(metadata));
  file_bytes_ = out_.size() + infos.back().end;
  for (std::size_t i = 0; i < tensors_.size(); ++i) plan_steps(i);
  return {};
}

/// The three dense layers.
void ModelImporter::plan_dense(ForeignVgg16 network, std::size_t channels, std::size_t grid) {
  using Make = NewTensor::Make;
  const bool by_columns = network.layout == ForeignVgg16::Layout::kKeras;
  const std::size_t positions = grid * grid;
  const auto add = [this](std::size_t layer, std::size_t outputs, std::size_t inputs,
                          NewTensor weight, NewTensor bias) {
    const std::string name(kLayerNames[layer]);
    weight.info = {.name = name + ".weight", .shape = {outputs, inputs}};
    bias.info = {.name = name + ".bias", .shape = {outputs}};
    tensors_.push_back(std::move(weight));
    tensors_.push_back(std::move(bias));
  };
  const auto made = [](Make make) { return NewTensor{.info = {}, .make = make}; };
  const NewTensor zeros = made(Make::kZeros);
  if (network.dense.empty()) {
    add(kFc1, options_.width, positions * channels, made(Make::kRandom), zeros);
    add(kFc2, options_.width, options_.width, made(Make::kRandom), zeros);
    add(kPredictions, options_.labels.size(), options_.width, made(Make::kRandom), zeros);
    return;
  }
  const auto of_array = [by_columns](ForeignArray array) {
    return NewTensor{.info = {}, .from = std::move(array), .by_columns = by_columns};
  };
  const std::size_t found = network.dense.size();
  std::size_t outputs = 0;
  for (std::size_t i = 0; i < found; ++i) {
    ForeignLayer& layer = network.dense[i];
    const Sides of_layer = sides(network, layer.weight);
    NewTensor weight = of_array(std::move(layer.weight));
    NewTensor bias = of_array(std::move(layer.bias));
    bias.by_columns = false;
    std::size_t inputs = of_layer.inputs;
    outputs = of_layer.outputs;
    if (i == 0) {
      if (network.averages) {
        weight.averaged = positions;
        inputs *= positions;
      } else if (!by_columns) {
        weight.side = grid;
      }
      if (found == 1) {
        weight.both_signs = bias.both_signs = true;
        outputs *= 2;
      }
    }
    // A layer that is lacking lets all through that the ReLU of the first has left over.
    const bool is_last = i + 1 == found;
    if (is_last && found == 2) add(kFc2, inputs, inputs, made(Make::kIdentity), zeros);
    add(i == 0    ? kFc1
        : is_last ? kPredictions
                  : kFc2,
        outputs, inputs, std::move(weight), std::move(bias));
  }
  if (found == 1) {
    add(kFc2, outputs, outputs, made(Make::kIdentity), zeros);
    add(kPredictions, outputs / 2, outputs, made(Make::kDifference), zeros);
  }
}

void ModelImporter::plan_steps(std::size_t index) {
  const NewTensor& tensor = tensors_[index];
  const std::size_t outputs = tensor.info.shape[0] / (tensor.both_signs ? 2 : 1);
  const std::size_t row_bytes = row_elements(tensor.info.shape) * sizeof(float);
  const std::size_t rows = std::max<std::size_t>(1, kChunkBytes / row_bytes);
  const auto add_rows = [&](Step::Kind kind, std::size_t begin, std::size_t end, bool negative) {
    for (std::size_t first = begin; first < end; first += rows) {
      steps_.push_back({.tensor = index,
                        .kind = kind,
                        .first = first,
                        .count = std::min(rows, end - first),
                        .panel_first = begin,
                        .negative = negative});
    }
  };
  if (tensor.is_normalized && tensor.info.shape.size() > 1) {  // the bias behind it has the same
    for (std::size_t i = 0; i < norm_.size(); ++i) {
      steps_.push_back({.tensor = index, .kind = Step::Kind::kNorm, .first = i});
    }
  }
  for (int sign = 0; sign < (tensor.both_signs ? 2 : 1); ++sign) {
    if (!tensor.by_columns) {
      add_rows(tensor.make == NewTensor::Make::kArray ? Step::Kind::kRows : Step::Kind::kEmit, 0,
               outputs, sign == 1);
      continue;
    }
    const std::size_t columns = tensor.from.shape.back();
    const std::size_t inputs = row_elements(tensor.info.shape) / tensor.averaged;
    const std::size_t panel = std::max<std::size_t>(1, kPanelBytes / (inputs * sizeof(float)));
    const std::size_t chunk =
        std::max<std::size_t>(1, kChunkBytes / (columns * dtype_size(tensor.from.dtype)));
    for (std::size_t begin = 0; begin < outputs; begin += panel) {
      const std::size_t end = std::min(begin + panel, outputs);
      for (std::size_t input = 0; input < inputs; input += chunk) {
        steps_.push_back({.tensor = index,
                          .kind = Step::Kind::kGather,
                          .first = begin,
                          .count = end - begin,
                          .inputs_first = input,
                          .inputs_count = std::min(chunk, inputs - input)});
      }
      add_rows(Step::Kind::kEmit, begin, end, sign == 1);
    }
  }
}

Result<void> ModelImporter::read_norm(const Step& step, std::span<const std::uint8_t> bytes) {
  const ForeignArray& array = *norm_arrays(tensors_[step.tensor].norm)[step.first];
  std::vector<float>& values = norm_[step.first];
  values.resize(array.shape[0]);
  const auto status = to_float32(array.dtype, bytes, values);
  if (!status) {
    return fail(status.error().code, internal::quote(array.name) + ": " + status.error().message);
  }
  const bool is_variance = step.first + 1 == norm_.size();
  if (is_variance && std::ranges::any_of(values, [](float value) { return value < 0; })) {
    return fail(ErrorCode::kCorruptModel, internal::quote(array.name) + " has a negative variance");
  }
  return {};
}

/// What a layer's output is multiplied with, and what is added then.
std::pair<float, float> ModelImporter::norm_of(const NewTensor& tensor, std::size_t output) const {
  if (!tensor.is_normalized) return {1.0f, 0.0f};
  const auto& [scale, shift, mean, variance] = norm_;
  const float factor = scale[output] / std::sqrt(variance[output] + tensor.norm.epsilon);
  return {factor, shift[output] - mean[output] * factor};
}

std::unexpected<Error> ModelImporter::bad_value(const NewTensor& tensor, const std::string& where,
                                                const Error& error) {
  return fail(error.code, internal::quote(tensor.from.name) + ", which is " + tensor.info.name +
                              ", " + where + ": " + error.message);
}

Result<void> ModelImporter::copy_rows(const Step& step, std::span<const std::uint8_t> bytes) {
  const NewTensor& tensor = tensors_[step.tensor];
  const std::size_t elements = row_elements(tensor.from.shape);
  unordered_.resize(elements);
  row_.resize(elements);
  const std::size_t row_bytes = bytes.size() / step.count;
  for (std::size_t i = 0; i < step.count; ++i) {
    const auto status =
        to_float32(tensor.from.dtype, bytes.subspan(i * row_bytes, row_bytes), unordered_);
    if (!status) return bad_value(tensor, "row " + std::to_string(step.first + i), status.error());
    if (tensor.side == 0) {
      append_row(tensor, step.first + i, unordered_, step.negative);
      continue;
    }
    chw_columns_to_hwc<float>(unordered_, elements / (tensor.side * tensor.side), tensor.side,
                              tensor.side, row_);
    append_row(tensor, step.first + i, row_, step.negative);
  }
  return {};
}

Result<void> ModelImporter::gather(const Step& step, std::span<const std::uint8_t> bytes) {
  const NewTensor& tensor = tensors_[step.tensor];
  const std::size_t inputs = row_elements(tensor.info.shape) / tensor.averaged;
  if (step.inputs_first == 0) {
    panel_ = {};
    GRADCAM_TRY(panel_, Tensor::uninitialized({step.count, inputs}));
  }
  const std::size_t element = dtype_size(tensor.from.dtype);
  const std::size_t row_bytes = tensor.from.shape.back() * element;
  gathered_.resize(std::min(step.inputs_count, kTransposedRows) * step.count);
  for (std::size_t begin = 0; begin < step.inputs_count; begin += kTransposedRows) {
    const std::size_t rows = std::min(kTransposedRows, step.inputs_count - begin);
    for (std::size_t i = 0; i < rows; ++i) {
      const auto part =
          bytes.subspan((begin + i) * row_bytes + step.first * element, step.count * element);
      const auto status = to_float32(tensor.from.dtype, part,
                                     std::span(gathered_).subspan(i * step.count, step.count));
      if (!status) {
        const std::size_t input = step.inputs_first + begin + i;
        return bad_value(tensor, "input " + std::to_string(input), status.error());
      }
    }
    transpose(gathered_.data(), rows, step.count, step.count,
              panel_.data() + step.inputs_first + begin, inputs);
  }
  return {};
}

void ModelImporter::emit(const Step& step) {
  using Make = NewTensor::Make;
  const NewTensor& tensor = tensors_[step.tensor];
  const std::size_t elements = row_elements(tensor.info.shape);
  if (tensor.make == Make::kArray) {
    const std::size_t inputs = elements / tensor.averaged;
    for (std::size_t i = 0; i < step.count; ++i) {
      const std::size_t row = step.first + i - step.panel_first;
      append_row(tensor, step.first + i, panel_.values().subspan(row * inputs, inputs),
                 step.negative);
    }
    return;
  }
  const std::size_t outputs = tensor.info.shape[0];
  for (std::size_t output = step.first; output < step.first + step.count; ++output) {
    row_.assign(elements, 0);
    if (tensor.make == Make::kIdentity || tensor.make == Make::kDifference) row_[output] = 1;
    if (tensor.make == Make::kDifference) row_[outputs + output] = -1;
    if (tensor.make == Make::kRandom) {
      // He and others, "Delving Deep into Rectifiers", 2015.
      const double deviation = std::sqrt(2.0 / static_cast<double>(elements));
      const RandomStream random(0, RandomPurpose::kInit, step.tensor, output);
      for (std::size_t i = 0; i < elements; ++i) {
        row_[i] = static_cast<float>(deviation * random.normal(i));
      }
    }
    append_row(tensor, output, row_, false);
  }
}

/// Appends a row of the new file to what `provide` gives.
void ModelImporter::append_row(const NewTensor& tensor, std::size_t output,
                               std::span<const float> row, bool negative) {
  const auto [scale, shift] = norm_of(tensor, output);
  const float sign = negative ? -1.0f : 1.0f;
  const float factor = sign * scale / static_cast<float>(tensor.averaged);
  const float added = tensor.info.shape.size() == 1 ? sign * shift : 0;
  std::size_t at = out_.size();
  out_.resize(at + tensor.averaged * row.size_bytes());
  for (std::size_t i = 0; i < tensor.averaged; ++i) {
    for (const float value : row) {
      auto bits = std::bit_cast<std::uint32_t>(value * factor + added);
      if constexpr (std::endian::native == std::endian::big) bits = std::byteswap(bits);
      std::memcpy(out_.data() + at, &bits, sizeof(bits));
      at += sizeof(bits);
    }
  }
}

}  // namespace gradcam
