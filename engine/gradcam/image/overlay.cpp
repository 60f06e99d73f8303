#include "gradcam/image/overlay.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

#include "gradcam/image/between.h"
#include "gradcam/tensor/tensor.h"

namespace gradcam {
namespace {

/// A heatmap enlarged bilinearly, read row by row.
class HeatRows {
 public:
  HeatRows(std::span<const float> heatmap, std::size_t rows, std::size_t cols)
      : heatmap_(heatmap), rows_(rows), row_(cols) {}

  /// Moves to a row, in cells from the top.
  void select(double row) {
    const Between y(row, rows_);
    for (std::size_t x = 0; x < row_.size(); ++x) {
      const float above = clean(heatmap_[y.low * row_.size() + x]);
      const float below = clean(heatmap_[y.high * row_.size() + x]);
      row_[x] = above + (below - above) * y.fraction;
    }
  }

  float at(const Between& x) const {
    return row_[x.low] + (row_[x.high] - row_[x.low]) * x.fraction;
  }

 private:
  static float clean(float heat) { return heat > 0 ? std::min(heat, 1.0f) : 0.0f; }

  std::span<const float> heatmap_;
  std::size_t rows_;
  std::vector<float> row_;
};

bool is_grid(std::span<const float> heatmap, std::size_t rows, std::size_t cols) {
  return rows > 0 && cols > 0 && heatmap.size() / rows == cols && heatmap.size() % rows == 0;
}

/// What is needed beside a picture of `width` pixels a row to lay a heatmap over it.
std::uint64_t buffer_bytes(int width, std::size_t cols) {
  return sizeof(Between) * static_cast<std::uint64_t>(width) + sizeof(float) * std::uint64_t{cols};
}

std::uint8_t to_byte(float unit) { return static_cast<std::uint8_t>(255 * unit + 0.5f); }

std::uint8_t blend(std::uint8_t below, std::uint8_t above, float weight) {
  const float from = below;
  return static_cast<std::uint8_t>(from + (static_cast<float>(above) - from) * weight + 0.5f);
}

}  // namespace

float heat_opacity(float heat) { return std::min(1.0f, 2 * heat); }

Rgb unseen(Rgb pixel) {
  const float luma = 0.2126f * pixel.r + 0.7152f * pixel.g + 0.0722f * pixel.b;
  const auto grey = static_cast<std::uint8_t>(0.4f * luma + 0.5f);
  return {grey, grey, grey};
}

std::vector<std::uint8_t> heat_rgba(std::span<const float> heatmap, std::size_t rows,
                                    std::size_t cols, int width, int height, Colormap colormap,
                                    float threshold) {
  if (width <= 0 || height <= 0 || !is_grid(heatmap, rows, cols)) return {};
  const std::uint64_t bytes =
      std::uint64_t{4} * static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height);
  if (!can_allocate(bytes + buffer_bytes(width, cols))) return {};

  std::vector<Between> columns;
  columns.reserve(static_cast<std::size_t>(width));
  for (int x = 0; x < width; ++x) {
    columns.emplace_back((x + 0.5) * static_cast<double>(cols) / width, cols);
  }
  std::vector<std::uint8_t> rgba(static_cast<std::size_t>(bytes));
  std::uint8_t* out = rgba.data();
  HeatRows heat(heatmap, rows, cols);
  for (int y = 0; y < height; ++y) {
    heat.select((y + 0.5) * static_cast<double>(rows) / height);
    for (const Between& column : columns) {
      const float value = heat.at(column);
      const Rgb colour = colormap[to_byte(value)];
      *out++ = colour.r;
      *out++ = colour.g;
      *out++ = colour.b;
      *out++ = value < threshold ? 0 : to_byte(heat_opacity(value));
    }
  }
  return rgba;
}

Result<Image> overlay(const Image& photo, const Box& crop, std::span<const float> heatmap,
                      std::size_t rows, std::size_t cols, Colormap colormap, float alpha,
                      float threshold) {
  GRADCAM_CHECK_OK(check_image(photo));
  if (!is_grid(heatmap, rows, cols)) {
    return fail(ErrorCode::kInvalidArgument, "a heatmap of " + std::to_string(rows) + " x " +
                                                 std::to_string(cols) + " cannot have " +
                                                 std::to_string(heatmap.size()) + " values");
  }
  if (!(crop.width > 0 && crop.height > 0 && std::isfinite(crop.x + crop.width) &&
        std::isfinite(crop.y + crop.height))) {
    return fail(ErrorCode::kInvalidArgument, "the crop under the heatmap is empty");
  }
  if (!(alpha >= 0 && alpha <= 1)) {
    return fail(ErrorCode::kInvalidArgument,
                "alpha is " + std::to_string(alpha) + ", outside of 0..1");
  }
  GRADCAM_TRY(Image result, make_image(photo.width, photo.height));
  if (!can_allocate(buffer_bytes(photo.width, cols))) {
    return fail(ErrorCode::kOutOfMemory, "not enough memory to lay the heatmap over the photo");
  }

  // Where the photo's columns inside of the crop fall on the heatmap.
  std::vector<Between> columns;
  columns.reserve(static_cast<std::size_t>(photo.width));
  int first_inside = 0;
  for (int x = 0; x < photo.width; ++x) {
    const double across = (x + 0.5 - crop.x) / crop.width;
    if (across < 0) first_inside = x + 1;
    if (across >= 0 && across < 1) columns.emplace_back(across * static_cast<double>(cols), cols);
  }
  const int end_inside = first_inside + static_cast<int>(columns.size());

  HeatRows heat(heatmap, rows, cols);
  const std::uint8_t* from = photo.rgb.data();
  std::uint8_t* to = result.rgb.data();
  for (int y = 0; y < photo.height; ++y) {
    const double down = (y + 0.5 - crop.y) / crop.height;
    const bool row_inside = down >= 0 && down < 1;
    if (row_inside) heat.select(down * static_cast<double>(rows));
    for (int x = 0; x < photo.width; ++x, from += 3, to += 3) {
      const Rgb pixel{from[0], from[1], from[2]};
      Rgb shown;
      if (!(row_inside && x >= first_inside && x < end_inside)) {
        shown = unseen(pixel);
      } else {
        const float value = heat.at(columns[static_cast<std::size_t>(x - first_inside)]);
        const Rgb colour = colormap[to_byte(value)];
        const float weight = value < threshold ? 0 : alpha * heat_opacity(value);
        shown = {blend(pixel.r, colour.r, weight), blend(pixel.g, colour.g, weight),
                 blend(pixel.b, colour.b, weight)};
      }
      to[0] = shown.r;
      to[1] = shown.g;
      to[2] = shown.b;
    }
  }
  return result;
}

}  // namespace gradcam
