#include "gradcam/import/importer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>

#include "gradcam/image/decode.h"
#include "gradcam/import/keras.h"
#include "gradcam/import/onnx.h"
#include "gradcam/import/pytorch.h"
#include "gradcam/import/zip.h"
#include "gradcam/kernels/transpose.h"
#include "gradcam/tensor/random.h"
#include "gradcam/tensor/text.h"
#include "gradcam/weights/metadata.h"
#include "gradcam/weights/names.h"
#include "gradcam/weights/rows.h"
#include "gradcam/weights/to_float.h"

namespace gradcam {
namespace {

constexpr std::size_t kPanelBytes = 128 << 20;

/// A pickle of the protocols 2 to 5, of which the later ones say how many bytes follow.
bool begins_as_pickle(std::span<const std::uint8_t> bytes) {
  constexpr std::uint8_t kProto = 0x80;
  constexpr std::uint8_t kFrame = 0x95;
  if (bytes.size() < 3 || bytes[0] != kProto) return false;
  return bytes[1] == 2 || bytes[1] == 3 || ((bytes[1] == 4 || bytes[1] == 5) && bytes[2] == kFrame);
}

Result<ForeignVgg16> read_foreign(Window& window, KnownPickles& known) {
  constexpr std::uint64_t kFirstBytes = 8;
  GRADCAM_TRY(const auto first, window.read(0, std::min(window.file_bytes(), kFirstBytes)));
  const std::string_view format = sniff_format(first);
  if (format == "hdf5") return read_keras_hdf5(window);
  if (format == "zip") {
    GRADCAM_TRY(const ZipDirectory archive, ZipDirectory::read(window));
    return archive.has(kKerasWeights) ? read_keras_archive(window, archive)
                                      : read_pytorch_archive(window, archive, known);
  }
  if (begins_as_pickle(first)) return read_pytorch_legacy(window, known);
  if (begins_as_onnx(first)) return read_onnx(window);
  return fail(ErrorCode::kUnsupportedFormat,
              "it is no file of Keras (.h5, .keras), PyTorch (.pth) or ONNX (.onnx)");
}

/// What the network is shown, whose map behind block5 has so many rows.
Result<Preprocess> preprocess_of(const ForeignVgg16& network, int grid,
                                 const std::optional<Preprocess>& values) {
  Preprocess preprocess = network.preprocess;
  preprocess.size = network.side.value_or(grid * static_cast<int>(kTotalStride));
  if (preprocess.resize == ResizeRule::kShorterSide) {
    preprocess.crop = preprocess.size;
    preprocess.shorter_side = usual_shorter_side(preprocess.crop);
  }
  if (values) {
    preprocess.bgr = values->bgr;
    preprocess.scale = values->scale;
    preprocess.mean = values->mean;
    preprocess.std = values->std;
  }
  // As its reader will check it: a scale, say, may be anything in the old file.
  return parse_preprocess(to_json(preprocess));
}

/// Whether the layers that a top is short of, which are square, are of sensible sizes: a small file
/// may say that it has many outputs.
Result<void> check_made_up(const ForeignVgg16& network) {
  constexpr std::size_t kMostMadeUp = 8192;  // a VGG16 has 4096
  if (network.dense.empty() || network.dense.size() == kDenseLayers) return {};
  const ForeignLayer& layer = network.dense.front();
  const std::size_t width = layer.sides().outputs;
  if (width <= kMostMadeUp) return {};
  return fail(ErrorCode::kUnsupportedFormat,
              internal::quote(layer.weight.name) + " has " + std::to_string(width) +
                  " outputs, where a top of one or two dense layers may have " +
                  std::to_string(kMostMadeUp));
}

}  // namespace

bool is_foreign_model(std::span<const std::uint8_t> first_bytes) {
  // The first 8 bytes of safetensors are a number, below 2^32; so may be those of a pickle that
  // says how many bytes follow.
  constexpr std::size_t kNumber = 8;
  const bool is_number =
      first_bytes.size() < kNumber || std::ranges::all_of(
                                          first_bytes.subspan(kNumber / 2, kNumber / 2),
                                          [](std::uint8_t byte) { return byte == 0; });
  const std::string_view format = sniff_format(first_bytes);
  return format == "hdf5" || format == "zip" ||
         (begins_as_pickle(first_bytes) && (!is_number || first_bytes[1] > 3)) ||
         (!is_number && begins_as_onnx(first_bytes));
}

std::optional<Preprocess> preprocess_from_name(std::string_view name) {
  if (name == "keras") return kKerasPreprocess;
  if (name == "torchvision") return Preprocess{};
  if (name == "unit") return Preprocess{.mean = {0, 0, 0}, .std = {1, 1, 1}};
  return std::nullopt;
}

ModelImporter::ModelImporter(std::uint64_t file_bytes, ImportOptions options)
    : window_(file_bytes, options.find_beside), options_(std::move(options)) {}

std::optional<FileRange> ModelImporter::wanted() const {
  if (tensors_.empty()) return wanted_;
  if (next_ == steps_.size()) return std::nullopt;
  const Step& step = steps_[next_];
  if (step.kind == Step::Kind::kEmit) return FileRange{};
  if (step.kind == Step::Kind::kNorm) {
    const ForeignArray& array = norm_array(step);
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
  constexpr int kMostPasses = 500;  // a VGG16 takes some 40
  if (++passes_ > kMostPasses) {
    return fail(ErrorCode::kCorruptModel, "what it says of its weights is all over the file");
  }
  auto network = read_foreign(window_, pickles_);
  if (network) {
    pickles_.clear();
    return plan(*std::move(network));
  }
  const auto lacking = window_.lacking();
  if (!lacking) return std::unexpected(network.error());
  wanted_ = *lacking;
  return {};
}

Result<void> ModelImporter::plan(ForeignVgg16 network) {
  GRADCAM_TRY(const std::size_t grid, check_foreign(network, window_.all_bytes()));
  const std::size_t channels = network.convs.back().sides().outputs;
  // A single output z is the logit of the second of two classes, by a sigmoid.
  const std::size_t outputs =
      network.dense.empty() ? options_.labels.size() : network.dense.back().sides().outputs;
  const std::size_t classes = outputs == 1 && !network.dense.empty() ? 2 : outputs;
  if (!options_.labels.empty()) GRADCAM_CHECK_OK(check_labels(options_.labels, classes));
  if (!network.dense.empty() && options_.width) {
    return fail(
        ErrorCode::kInvalidArgument,
        "the widths of fc1 and fc2 are to be chosen for files without their top; it has one");
  }
  if (classes == 0) {
    return fail(
        ErrorCode::kUnsupportedFormat,
        "it is without its top, the dense layers that name the classes; gradcam convert --labels "
        "gives it untrained ones");
  }

  GRADCAM_CHECK_OK(check_made_up(network));

  GRADCAM_TRY(const Preprocess preprocess,
              preprocess_of(network, static_cast<int>(grid), options_.preprocess));
  ModelMetadata metadata;
  metadata.preprocess = to_json(preprocess);
  metadata.source = options_.source;
  metadata.labels = options_.labels;
  if (network.dense.empty()) {
    metadata.source += ", with untrained dense layers";
  } else if (network.dense.size() < kDenseLayers || network.averages) {
    metadata.source += ", its top written as three dense layers";
  }

  for (std::size_t i = 0; i < kConvLayers; ++i) {
    ForeignLayer& conv = network.convs[i];
    const ForeignSides found = conv.sides();
    const std::string name(kLayerNames[i]);
    tensors_.push_back(
        {.info = {.name = name + ".weight", .shape = {found.outputs, 3, 3, found.inputs}},
         .from = std::move(conv.weight),
         .by_columns = conv.by_columns,
         .side = conv.by_columns ? std::size_t{0} : std::size_t{3},
         .norm = conv.norm});
    tensors_.push_back({.info = {.name = name + ".bias", .shape = {found.outputs}},
                        .from = std::move(conv.bias),
                        .norm = std::move(conv.norm)});
  }
  if (network.dense.empty()) {
    plan_untrained(grid * grid * channels);
  } else {
    plan_dense(std::move(network), grid);
  }

  std::vector<TensorInfo> infos;
  for (const NewTensor& tensor : tensors_) infos.push_back(tensor.info);
  GRADCAM_CHECK_OK(assign_offsets(infos));
  out_ = serialize_safetensors_header(infos, serialize_metadata(metadata));
  file_bytes_ = out_.size() + infos.back().end;
  for (std::size_t i = 0; i < tensors_.size(); ++i) plan_steps(i);
  return {};
}

/// The tensors of a dense layer.
void ModelImporter::add_dense(std::size_t layer, std::size_t outputs, std::size_t inputs,
                              NewTensor weight, NewTensor bias) {
  const std::string name(kLayerNames[layer]);
  weight.info = {.name = name + ".weight", .shape = {outputs, inputs}};
  bias.info = {.name = name + ".bias", .shape = {outputs}};
  tensors_.push_back(std::move(weight));
  tensors_.push_back(std::move(bias));
}

/// One that no array of the old file is in.
void ModelImporter::add_made_dense(std::size_t layer, std::size_t outputs, std::size_t inputs,
                                   NewTensor::Make make, std::vector<float> factors) {
  add_dense(layer, outputs, inputs, {.info = {}, .make = make, .factors = std::move(factors)},
            {.info = {}, .make = NewTensor::Make::kZeros});
}

/// The three dense layers, where the old file has none.
void ModelImporter::plan_untrained(std::size_t inputs) {
  constexpr std::size_t kUsualWidth = 4096;
  constexpr auto kRandom = NewTensor::Make::kRandom;
  const std::size_t width = options_.width.value_or(kUsualWidth);
  add_made_dense(kFc1, width, inputs, kRandom);
  add_made_dense(kFc2, width, width, kRandom);
  add_made_dense(kPredictions, options_.labels.size(), width, kRandom);
}

/// The three dense layers out of one to three.
void ModelImporter::plan_dense(ForeignVgg16 network, std::size_t grid) {
  using Make = NewTensor::Make;
  const std::size_t positions = grid * grid;
  // sigmoid(z) = softmax([-z/2, z/2]): for either class there is a gradient, and so a map.
  const std::vector<float> of_sigmoid = {-0.5f, 0.5f};
  const std::size_t found = network.dense.size();
  std::size_t outputs = 0;
  for (std::size_t i = 0; i < found; ++i) {
    ForeignLayer& layer = network.dense[i];
    const ForeignSides of_layer = layer.sides();
    NewTensor weight = {
        .info = {}, .from = std::move(layer.weight), .by_columns = layer.by_columns};
    NewTensor bias = {.info = {}, .from = std::move(layer.bias)};
    weight.norm = bias.norm = std::move(layer.norm);
    weight.input_norm = bias.input_norm = std::move(layer.input_norm);
    std::size_t inputs = of_layer.inputs;
    outputs = of_layer.outputs;
    if (i == 0) {
      if (network.averages) {
        weight.averaged = positions;
        inputs *= positions;
      } else if (!network.channels_last) {
        weight.side = grid;
      }
      if (found == 1) {
        weight.factors = bias.factors = {1, -1};
        outputs *= 2;
      }
    }
    // A layer that is lacking lets all through that the ReLU of the first has left over.
    const bool is_last = i + 1 == found;
    if (is_last && found == 2) add_made_dense(kFc2, inputs, inputs, Make::kIdentity);
    if (is_last && found > 1 && outputs == 1) {
      weight.factors = bias.factors = of_sigmoid;
      outputs = 2;
    }
    add_dense(i == 0    ? kFc1
              : is_last ? kPredictions
                        : kFc2,
              outputs, inputs, std::move(weight), std::move(bias));
  }
  if (found == 1) {
    add_made_dense(kFc2, outputs, outputs, Make::kIdentity);
    add_made_dense(kPredictions, std::max<std::size_t>(2, outputs / 2), outputs, Make::kDifference,
                   outputs == 2 ? of_sigmoid : std::vector<float>{1});
  }
}

void ModelImporter::plan_steps(std::size_t index) {
  const NewTensor& tensor = tensors_[index];
  const std::size_t outputs = tensor.info.shape[0] / tensor.factors.size();
  const std::size_t row_bytes = row_elements(tensor.info.shape) * sizeof(float);
  const std::size_t rows = std::max<std::size_t>(1, kPieceBytes / row_bytes);
  const auto add_rows = [&](Step::Kind kind, std::size_t begin, std::size_t end, float factor) {
    for (std::size_t first = begin; first < end; first += rows) {
      steps_.push_back({.tensor = index,
                        .kind = kind,
                        .first = first,
                        .count = std::min(rows, end - first),
                        .panel_first = begin,
                        .factor = factor});
    }
  };
  if (tensor.info.shape.size() > 1) {  // a bias has those of the weight before it
    for (const bool of_inputs : {false, true}) {
      const auto& norm = of_inputs ? tensor.input_norm : tensor.norm;
      if (!norm) continue;
      for (std::size_t i = 0; i < kNormArrays; ++i) {
        if (norm->arrays()[i] == nullptr) continue;
        steps_.push_back(
            {.tensor = index, .kind = Step::Kind::kNorm, .first = i, .of_inputs = of_inputs});
      }
    }
  }
  for (const float factor : tensor.factors) {
    if (!tensor.by_columns) {
      add_rows(tensor.make == NewTensor::Make::kArray ? Step::Kind::kRows : Step::Kind::kEmit, 0,
               outputs, factor);
      continue;
    }
    const std::size_t columns = tensor.from.shape.back();
    const std::size_t inputs = row_elements(tensor.info.shape) / tensor.averaged;
    const std::size_t panel = std::max<std::size_t>(1, kPanelBytes / (inputs * sizeof(float)));
    const std::size_t chunk =
        std::max<std::size_t>(1, kPieceBytes / (columns * dtype_size(tensor.from.dtype)));
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
      add_rows(Step::Kind::kEmit, begin, end, factor);
    }
  }
}

const ForeignArray& ModelImporter::norm_array(const Step& step) const {
  const NewTensor& tensor = tensors_[step.tensor];
  const auto& norm = step.of_inputs ? tensor.input_norm : tensor.norm;
  static const ForeignArray kNothing;
  return norm ? *norm->arrays()[step.first] : kNothing;
}

/// Reads an array of a normalisation; with the last one it is known what it does.
Result<void> ModelImporter::read_norm(const Step& step, std::span<const std::uint8_t> bytes) {
  const ForeignArray& array = norm_array(step);
  std::vector<float>& values = norm_[step.first];
  values.resize(array.shape[0]);
  const auto status = to_float32(array.dtype, bytes, values);
  if (!status) {
    return fail(status.error().code, internal::quote(array.name) + ": " + status.error().message);
  }
  const NewTensor& tensor = tensors_[step.tensor];
  const auto& norm = step.of_inputs ? tensor.input_norm : tensor.norm;
  if (step.first + 1 < norm_.size() || !norm) return {};
  Affine& affine = step.of_inputs ? of_inputs_ : of_outputs_;
  affine = {};
  const auto& [scale, shift, mean, variance] = norm_;
  for (std::size_t i = 0; i < variance.size(); ++i) {
    if (variance[i] < 0) {
      return fail(ErrorCode::kCorruptModel,
                  internal::quote(array.name) + " has a negative variance");
    }
    affine.factor.push_back((norm->scale ? scale[i] : 1) / std::sqrt(variance[i] + norm->epsilon));
    affine.added.push_back((norm->shift ? shift[i] : 0) - mean[i] * affine.factor[i]);
  }
  return {};
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
  const std::size_t row_bytes = bytes.size() / step.count;
  for (std::size_t i = 0; i < step.count; ++i) {
    const auto status =
        to_float32(tensor.from.dtype, bytes.subspan(i * row_bytes, row_bytes), unordered_);
    if (!status) return bad_value(tensor, "row " + std::to_string(step.first + i), status.error());
    append_row(tensor, step.first + i, in_order(tensor, unordered_), step.factor);
  }
  return {};
}

/// A row of an array with the channels of a position next to each other.
std::span<const float> ModelImporter::in_order(const NewTensor& tensor,
                                               std::span<const float> row) {
  if (tensor.side == 0) return row;
  row_.resize(row.size());
  chw_columns_to_hwc<float>(row, tensor.side * tensor.side, row_);
  return row_;
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
      append_row(tensor, step.first + i,
                 in_order(tensor, panel_.values().subspan(row * inputs, inputs)), step.factor);
    }
    return;
  }
  const std::size_t outputs = tensor.info.shape[0] / tensor.factors.size();
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
    append_row(tensor, output, row_, step.factor);
  }
}

/// Appends a row of the new file, times `factor`, to what `provide` gives.
void ModelImporter::append_row(const NewTensor& tensor, std::size_t output,
                               std::span<const float> row, double factor) {
  const bool is_bias = tensor.info.shape.size() == 1;
  double added = 0;  // of a bias
  if (tensor.input_norm && is_bias) added += factor * from_inputs_[output];
  if (tensor.norm) {
    added = added * of_outputs_.factor[output] + factor * of_outputs_.added[output];
    factor *= of_outputs_.factor[output];
  }
  if (tensor.input_norm && !is_bias) row = normalize_inputs(output, row);
  if (!is_bias) added = 0;
  const auto scale = static_cast<float>(factor / static_cast<double>(tensor.averaged));
  const auto shift = static_cast<float>(added);
  std::size_t at = out_.size();
  out_.resize(at + tensor.averaged * row.size_bytes());
  for (std::size_t i = 0; i < tensor.averaged; ++i) {
    for (const float value : row) {
      auto bits = std::bit_cast<std::uint32_t>(value * scale + shift);
      if constexpr (std::endian::native == std::endian::big) bits = std::byteswap(bits);
      std::memcpy(out_.data() + at, &bits, sizeof(bits));
      at += sizeof(bits);
    }
  }
}

/// What a row of a dense layer becomes where its inputs are not normalised before it; what their
/// shifts add to its output is noted, for its bias.
std::span<const float> ModelImporter::normalize_inputs(std::size_t output,
                                                       std::span<const float> row) {
  const auto& [factor, added] = of_inputs_;
  normalized_.resize(row.size());
  double sum = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::size_t place = i % factor.size();  // of a channel, at all positions
    sum += double{row[i]} * added[place];
    normalized_[i] = row[i] * factor[place];
  }
  from_inputs_.resize(std::max(from_inputs_.size(), output + 1));
  from_inputs_[output] = sum;
  return normalized_;
}

}  // namespace gradcam
