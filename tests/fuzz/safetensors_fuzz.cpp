// libFuzzer target: any bytes as a model file. What is accepted must keep the parser's promises,
// survive being written and read again, and convert without touching memory outside its ranges.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "fuzz/promises.h"
#include "gradcam/vgg16/head.h"
#include "gradcam/vgg16/loader.h"
#include "gradcam/vgg16/plan_conversion.h"
#include "gradcam/weights/convert_model.h"
#include "gradcam/weights/metadata.h"
#include "gradcam/weights/names.h"
#include "gradcam/weights/safetensors.h"
#include "gradcam/weights/to_float.h"

namespace gradcam {
namespace {

void check_header(const SafetensorsHeader& header, std::uint64_t file_size) {
  std::uint64_t expected = header.data_offset;
  for (const TensorInfo& tensor : header.tensors) {
    require(header.data_offset + tensor.begin == expected && tensor.end >= tensor.begin);
    require(header.find(tensor.name) == &tensor);
    std::uint64_t bits = dtype_bits(tensor.dtype);
    for (const std::size_t dim : tensor.shape) bits *= dim;
    require(bits == 8 * (tensor.end - tensor.begin));
    expected = header.data_offset + tensor.end;
  }
  require(expected == file_size);
}

void check_round_trip(const SafetensorsHeader& header, std::uint64_t data_size) {
  const std::vector<std::uint8_t> bytes =
      serialize_safetensors_header(header.tensors, header.metadata);
  const auto again = parse_safetensors_header(bytes, bytes.size() + data_size);
  require(again && again->metadata == header.metadata);
  require(again->tensors.size() == header.tensors.size());
  for (std::size_t i = 0; i < header.tensors.size(); ++i) {
    const TensorInfo& a = header.tensors[i];
    const TensorInfo* b = again->find(a.name);
    require(b != nullptr && b->dtype == a.dtype && b->shape == a.shape && b->begin == a.begin &&
            b->end == a.end);
  }
}

void check_values(const SafetensorsHeader& header, std::span<const std::uint8_t> file) {
  for (const TensorInfo& tensor : header.tensors) {
    const auto bytes = file.subspan(header.data_offset + tensor.begin, tensor.end - tensor.begin);
    const std::size_t size = dtype_size(tensor.dtype);
    std::vector<float> values(size == 0 ? 0 : bytes.size() / size);
    if (!to_float32(tensor.dtype, bytes, values)) continue;
    for (const float value : values) require(value - value == 0);  // finite
  }
}

void check_metadata(const SafetensorsHeader& header) {
  const auto metadata = parse_metadata(header.metadata);
  if (!metadata) return;
  const auto again = parse_metadata(serialize_metadata(*metadata));
  require(again && again->labels == metadata->labels &&
          again->temperature == metadata->temperature &&
          again->preprocess == metadata->preprocess && again->source == metadata->source &&
          again->license == metadata->license);
}

void check_names(const SafetensorsHeader& header) {
  const auto map = map_names(header);
  if (!map) return;
  std::size_t inputs = 3;
  for (std::size_t i = 0; i < map->layers.size(); ++i) {
    const LayerWeights& layer = map->layers[i];
    if (i == kFc1) inputs *= map->grid * map->grid;
    require(layer.shape.front() > 0 && layer.shape.back() == inputs);
    require(header.tensors.at(layer.bias).shape == Shape{layer.shape.front()});
    require(layer.weight < header.tensors.size());
    inputs = layer.shape.front();
  }
}

/// What is read as a head can be written, and read again.
void check_head(std::span<const std::uint8_t> file) {
  const auto head = parse_head(file);
  if (!holds(head)) return;
  const auto written = serialize_head(*head);
  require(written.has_value());
  const auto again = parse_head(*written);
  require(again && again->base == head->base && again->weight.shape() == head->weight.shape());
}

/// What can be loaded can be converted, but for values that do not fit, and loaded again.
void check_model(const SafetensorsHeader& header, std::span<const std::uint8_t> file) {
  if (!holds(load_vgg16(file))) return;
  for (const LoadOptions& options :
       {LoadOptions{.low_memory = true}, LoadOptions{.leave_fc1 = true},
        LoadOptions{.share = {.member = 1, .members = 3}}}) {
    holds(load_vgg16(file, options));
  }
  for (const auto precision : {Precision::kFloat32, Precision::kInt4}) {
    const auto options = plan_conversion(header, precision, {});
    require(options.has_value());
    auto converter = ModelConverter::create(header, *options);
    require(converter.has_value());
    std::vector<std::uint8_t> converted;
    const auto read = [&](std::uint64_t offset, std::span<std::uint8_t> bytes) -> Result<void> {
      std::ranges::copy(file.subspan(offset, bytes.size()), bytes.begin());
      return {};
    };
    const auto write = [&](std::span<const std::uint8_t> bytes) -> Result<void> {
      converted.insert(converted.end(), bytes.begin(), bytes.end());
      return {};
    };
    if (!holds(convert_model(*converter, read, write))) continue;
    require(converted.size() == converter->file_bytes() && load_vgg16(converted));
  }
}

void fuzz(std::span<const std::uint8_t> file) {
  check_head(file);
  const auto header = parse_safetensors_header(file, file.size());
  if (!holds(header)) return;
  check_header(*header, file.size());
  check_round_trip(*header, file.size() - header->data_offset);
  check_values(*header, file);
  check_metadata(*header);
  check_names(*header);
  check_model(*header, file);
}

}  // namespace
}  // namespace gradcam

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gradcam::fuzz({data, size});

  // Once more as a bare JSON header, without and with data behind it, which spares the fuzzer from
  // keeping the length prefix right.
  constexpr std::size_t kDataBytes = 16;
  std::vector<std::uint8_t> file;
  for (std::size_t i = 0; i < 8; ++i) {
    file.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(size) >> 8 * i));
  }
  file.insert(file.end(), data, data + size);
  for (const std::size_t bytes : {std::size_t{0}, kDataBytes}) {
    file.resize(8 + size + bytes, 0x3f);
    gradcam::fuzz(file);
  }
  return 0;
}
