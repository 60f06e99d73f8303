#include "gradcam/train/finetuned_file.h"

#include <algorithm>
#include <string>
#include <utility>

#include "gradcam/weights/rows.h"

namespace gradcam {
namespace {

const DenseParameters* find(std::span<const DenseParameters* const> trained,
                            const std::string& name) {
  const auto it = std::ranges::find(trained, name, &DenseParameters::name);
  return it == trained.end() ? nullptr : *it;
}

Result<void> check_fit(const LayerWeights& layer, const DenseParameters& trained) {
  const bool is_head = layer.name == kLayerNames.back();
  const Shape& shape = trained.weight.shape();
  if (shape.size() == 2 && shape[1] == layer.shape[1] && (is_head || shape[0] == layer.shape[0]) &&
      trained.bias.shape() == Shape{shape[0]}) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "the trained layer " + layer.name + " has the shape " +
                                               to_string(shape) + ", which does not fit the base " +
                                               "model's " + to_string(layer.shape));
}

}  // namespace

Result<FinetunedFile> plan_finetuned_file(const SafetensorsHeader& base,
                                          std::span<const DenseParameters* const> trained,
                                          const ModelMetadata& metadata) {
  GRADCAM_TRY(const WeightMap map, map_names(base));
  FinetunedFile file;
  file.layout = map.layout;
  file.grid = map.grid;
  file.header.metadata = serialize_metadata(metadata);
  std::size_t replaced = 0;
  for (std::size_t i = 0; i < base.tensors.size(); ++i) {
    TensorInfo info = base.tensors[i];
    TensorSource source{.base = i};
    const auto& others = map.others;  // that the new last layer does not know
    bool dropped = others && (others->weight == i || others->bias == i || others->scale == i);
    for (std::size_t l = kFc1; l < map.layers.size(); ++l) {
      const LayerWeights& layer = map.layers[l];
      const DenseParameters* parameters = find(trained, layer.name);
      if (parameters == nullptr) continue;
      if (layer.scale == i) dropped = true;
      if (layer.weight != i && layer.bias != i) continue;
      GRADCAM_CHECK_OK(check_fit(layer, *parameters));
      source.trained = parameters;
      source.is_bias = layer.bias == i;
      info.dtype = DType::kF32;
      info.shape[0] = parameters->bias.size();
      // Packed rows have another shape.
      if (!source.is_bias && layer.scale) info.shape = parameters->weight.shape();
      replaced += source.is_bias ? 0 : 1;
    }
    if (dropped) continue;
    file.header.tensors.push_back(std::move(info));
    file.sources.push_back(source);
  }
  if (replaced != trained.size()) {
    return fail(ErrorCode::kInvalidArgument, "a trained layer is no dense layer of the base model");
  }
  GRADCAM_CHECK_OK(assign_offsets(file.header.tensors));
  return file;
}

std::vector<float> finetuned_row(const FinetunedFile& file, std::size_t tensor, std::size_t row) {
  const TensorSource& source = file.sources[tensor];
  const DenseParameters& parameters = *source.trained;
  if (source.is_bias) return {parameters.bias.values().begin(), parameters.bias.values().end()};
  const std::size_t inputs = parameters.weight.dim(1);
  const auto values = parameters.weight.values().subspan(row * inputs, inputs);
  if (file.layout == FileLayout::kKeras || parameters.name != kLayerNames[kFc1]) {
    return {values.begin(), values.end()};
  }
  // Positions x channels turned to channels x positions: the inverse is the same turning.
  const std::size_t positions = file.grid * file.grid;
  std::vector<float> turned(inputs);
  chw_columns_to_hwc<float>(values, inputs / positions, turned);
  return turned;
}

}  // namespace gradcam
