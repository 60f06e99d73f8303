#include "gradcam/image/preprocess.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>

// Compiled with -ffp-contract=off, as resize.cpp.

namespace gradcam {

Box crop_box(const Preprocess& spec, int width, int height) {
  const double w = width;
  const double h = height;
  if (spec.resize == ResizeRule::kSquash) return {0, 0, w, h};
  const double side = std::min(w, h) * spec.crop / spec.shorter_side;
  return {(w - side) / 2, (h - side) / 2, side, side};
}

std::array<float, 3> mean_colour(const Preprocess& spec) {
  std::array<float, 3> colour = {};
  if (spec.mean != colour) return colour;
  const std::array<float, 3> imagenet = Preprocess{}.mean;  // of pixels from 0 to 1, in RGB
  for (std::size_t c = 0; c < colour.size(); ++c) {
    colour[c] = imagenet[spec.bgr ? 2 - c : c] * 255 * spec.scale / spec.std[c];
  }
  return colour;
}

Result<Tensor> preprocess(const Image& image, const Preprocess& spec) {
  return preprocess(image, spec, crop_box(spec, image.width, image.height));
}

Result<Tensor> preprocess(const Image& image, const Preprocess& spec, const Box& crop) {
  const auto is_finite = [](float value) { return std::isfinite(value); };
  const auto is_positive = [](float value) { return value > 0 && std::isfinite(value); };
  if (!is_positive(spec.scale) || !std::ranges::all_of(spec.mean, is_finite) ||
      !std::ranges::all_of(spec.std, is_positive)) {
    return fail(ErrorCode::kInvalidArgument,
                "preprocess: scale and std must be above 0, and all numbers finite");
  }
  GRADCAM_TRY(Tensor input, resize_bilinear(image, crop, spec.size, spec.size));
  const std::span<float> values = input.values();
  for (std::size_t i = 0; i < values.size(); i += 3) {
    if (spec.bgr) std::swap(values[i], values[i + 2]);
    for (std::size_t c = 0; c < 3; ++c) {
      values[i + c] = (values[i + c] * spec.scale - spec.mean[c]) / spec.std[c];
    }
  }
  return input;
}

void mirror(std::span<float> values, std::size_t width, std::size_t depth) {
  const std::size_t row = width * depth;
  if (row == 0) return;
  for (std::size_t begin = 0; begin + row <= values.size(); begin += row) {
    for (std::size_t x = 0; x < width / 2; ++x) {
      const auto left = values.subspan(begin + x * depth, depth);
      std::ranges::swap_ranges(left, values.subspan(begin + (width - 1 - x) * depth, depth));
    }
  }
}

}  // namespace gradcam
