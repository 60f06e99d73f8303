#include "gradcam/vgg16/head.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "gradcam/weights/safetensors.h"
#include "gradcam/weights/to_float.h"

namespace gradcam {
namespace {

constexpr const char* kWeight = "predictions.weight";
constexpr const char* kBias = "predictions.bias";

bool fits(const Shape& weight, const Shape& bias, std::size_t labels) {
  return weight.size() == 2 && weight[0] > 0 && weight[1] > 0 && bias == Shape{weight[0]} &&
         labels == weight[0];
}

}  // namespace

Result<Head> parse_head(std::span<const std::uint8_t> file) {
  GRADCAM_TRY(SafetensorsHeader header, parse_safetensors_header(file, file.size()));
  const auto architecture = header.metadata.find("architecture");
  const TensorInfo* weight = header.find(kWeight);
  const TensorInfo* bias = header.find(kBias);
  if (architecture == header.metadata.end() || architecture->second != kHeadArchitecture ||
      weight == nullptr || bias == nullptr || header.tensors.size() != 2) {
    return fail(ErrorCode::kCorruptModel,
                "this is no head file, which has the tensors predictions.weight and "
                "predictions.bias and the architecture vgg16-head");
  }
  header.metadata.erase(architecture);
  header.metadata.erase("others");  // which a head has not
  Head head;
  head.base = header.metadata["base"];
  GRADCAM_TRY(head.metadata, parse_metadata(header.metadata));
  if (!fits(weight->shape, bias->shape, head.metadata.labels.size())) {
    return fail(ErrorCode::kCorruptModel,
                "the head has a weight of shape " + to_string(weight->shape) +
                    ", a bias of shape " + to_string(bias->shape) + " and " +
                    std::to_string(head.metadata.labels.size()) + " labels, which do not fit");
  }
  const auto read = [&](const TensorInfo& info, Tensor& tensor) -> Result<void> {
    GRADCAM_TRY(tensor, Tensor::zeros(info.shape));
    const auto begin = static_cast<std::size_t>(header.data_offset + info.begin);
    return to_float32(info.dtype,
                      file.subspan(begin, static_cast<std::size_t>(info.end - info.begin)),
                      tensor.values());
  };
  for (const auto& [info, tensor] :
       {std::pair(weight, &head.weight), std::pair(bias, &head.bias)}) {
    const auto status = read(*info, *tensor);
    if (status) continue;
    return fail(ErrorCode::kCorruptModel, info->name + ": " + status.error().message);
  }
  return head;
}

Result<void> check_head(const Head& head) {
  if (!fits(head.weight.shape(), head.bias.shape(), head.metadata.labels.size())) {
    return fail(ErrorCode::kInvalidArgument, "the head's weight, bias and labels do not fit");
  }
  if (const float temperature = head.metadata.temperature;
      !(temperature > 0 && std::isnormal(temperature))) {
    return fail(ErrorCode::kInvalidArgument, "the head's temperature is not above 0");
  }
  if (const float unsure_below = head.metadata.unsure_below;
      !(unsure_below >= 0 && unsure_below <= 1)) {
    return fail(ErrorCode::kInvalidArgument, "the head's unsure_below is not between 0 and 1");
  }
  for (const Tensor* tensor : {&head.weight, &head.bias}) {
    if (std::ranges::all_of(tensor->values(), [](float value) { return std::isfinite(value); })) {
      continue;
    }
    return fail(ErrorCode::kInvalidArgument, "the head has weights that are not finite");
  }
  return check_labels(head.metadata.labels);
}

Result<std::vector<std::uint8_t>> serialize_head(const Head& head) {
  GRADCAM_CHECK_OK(check_head(head));
  auto metadata = serialize_metadata(head.metadata);
  metadata["architecture"] = kHeadArchitecture;
  metadata["base"] = head.base;
  std::vector<TensorInfo> tensors = {{.name = kWeight, .shape = head.weight.shape()},
                                     {.name = kBias, .shape = head.bias.shape()}};
  GRADCAM_CHECK_OK(assign_offsets(tensors));
  std::vector<std::uint8_t> file = serialize_safetensors_header(tensors, metadata);
  for (const Tensor* tensor : {&head.weight, &head.bias}) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(tensor->data());
    file.insert(file.end(), bytes, bytes + tensor->size() * sizeof(float));
  }
  return file;
}

}  // namespace gradcam
