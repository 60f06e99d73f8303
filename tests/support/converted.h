#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/vgg16/plan_conversion.h"
#include "gradcam/weights/convert_model.h"
#include "support/random.h"
#include "support/tensor_file.h"

namespace gradcam::testing {

using Bytes = std::vector<std::uint8_t>;

/// A VGG16 of random float32 weights whose fc1 has two int4 groups, and whose fc2 has no whole
/// number of int4 blocks.
inline Result<Bytes> random_vgg16() {
  constexpr std::size_t kOutputs[] = {3, 4, 5, 6, 7, 8, 9, 8, 7, 6, 5, 8, 36, 20, 9, 6};
  constexpr std::size_t kPositions = 4;
  RandomFloats random(8);
  TensorFile file;
  std::size_t inputs = 3;
  const auto add = [&](const std::string& name, Shape shape, float scale) {
    std::size_t count = 1;
    for (const std::size_t dim : shape) count *= dim;
    const std::vector<float> values = random.uniform(count, scale);
    Bytes bytes(count * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    file.entries.push_back({{.name = name, .shape = std::move(shape)}, std::move(bytes)});
  };
  for (std::size_t i = 0; i < kLayerNames.size(); ++i) {
    const std::string name(kLayerNames[i]);
    if (i == kFc1) inputs *= kPositions;
    Shape shape = i < kConvLayers ? Shape{kOutputs[i], 3, 3, inputs} : Shape{kOutputs[i], inputs};
    const auto fan_in = static_cast<float>(i < kConvLayers ? 9 * inputs : inputs);
    add(name + ".weight", std::move(shape), std::sqrt(6 / fan_in));
    add(name + ".bias", {kOutputs[i]}, 0.1f);
    inputs = kOutputs[i];
  }
  return file.serialize();
}

inline Result<Bytes> convert(const Bytes& file, const ConvertOptions& options) {
  GRADCAM_TRY(const SafetensorsHeader header, parse_safetensors_header(file, file.size()));
  GRADCAM_TRY(ModelConverter converter, ModelConverter::create(header, options));
  Bytes out;
  GRADCAM_CHECK_OK(convert_model(
      converter,
      [&file](std::uint64_t offset, std::span<std::uint8_t> bytes) -> Result<void> {
        std::ranges::copy(std::span(file).subspan(offset, bytes.size()), bytes.begin());
        return {};
      },
      [&out](std::span<const std::uint8_t> bytes) -> Result<void> {
        out.insert(out.end(), bytes.begin(), bytes.end());
        return {};
      }));
  return out;
}

/// A model file in numbers of another precision.
inline Result<Bytes> convert(const Bytes& file, Precision precision) {
  GRADCAM_TRY(const SafetensorsHeader header, parse_safetensors_header(file, file.size()));
  GRADCAM_TRY(const ConvertOptions options, plan_conversion(header, precision, {}));
  return convert(file, options);
}

}  // namespace gradcam::testing
