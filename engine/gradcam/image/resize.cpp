#include "gradcam/image/resize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

// The build compiles this file with -ffp-contract=off: fused multiplications and additions would
// give other bits on other machines.

namespace gradcam {
namespace {

/// The source pixels that make one result pixel: `count` from `first`, and where their weights
/// begin in `Filter::weights`.
struct Taps {
  int first;
  int count;
  std::size_t weights;
};

struct Filter {
  std::vector<Taps> taps;  ///< One a result pixel.
  std::vector<float> weights;
};

/// As many source pixels as make a result pixel, at most.
std::size_t most_taps(double length, int out_size) {
  return static_cast<std::size_t>(2 * std::max(length / out_size, 1.0)) + 2;
}

/// The memory of a filter.
std::uint64_t filter_bytes(double length, int out_size) {
  return static_cast<std::uint64_t>(out_size) *
         (sizeof(Taps) + sizeof(float) * std::uint64_t{most_taps(length, out_size)});
}

/// The triangle filter that takes [start, start + length) of `in_size` pixels to `out_size`.
Filter triangle_filter(int in_size, double start, double length, int out_size) {
  const double scale = length / out_size;
  const double support = std::max(scale, 1.0);
  Filter filter;
  filter.taps.reserve(static_cast<std::size_t>(out_size));
  filter.weights.reserve(static_cast<std::size_t>(out_size) * most_taps(length, out_size));
  std::vector<double> row;
  row.reserve(most_taps(length, out_size));
  for (int i = 0; i < out_size; ++i) {
    const double center = start + (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(center - support + 0.5));
    const int last = std::min(in_size, static_cast<int>(center + support + 0.5));
    row.clear();
    double total = 0;
    for (int x = first; x < last; ++x) {
      row.push_back(std::max(0.0, 1.0 - std::abs((x - center + 0.5) / support)));
      total += row.back();
    }
    filter.taps.push_back({first, last - first, filter.weights.size()});
    for (const double weight : row) filter.weights.push_back(static_cast<float>(weight / total));
  }
  return filter;
}

/// sums[i] += weight * pixels[i]
void add_row(const std::uint8_t* __restrict pixels, float weight, std::size_t count,
             float* __restrict sums) {
  for (std::size_t i = 0; i < count; ++i) sums[i] += weight * static_cast<float>(pixels[i]);
}

/// One row of the result from a row of RGB sums that begins with source column `left`.
void filter_row(const std::vector<float>& sums, int left, const Filter& filter, float* out) {
  for (const Taps& taps : filter.taps) {
    const float* pixel = sums.data() + std::ptrdiff_t{3} * (taps.first - left);
    const float* weight = filter.weights.data() + taps.weights;
    float r = 0, g = 0, b = 0;
    for (int i = 0; i < taps.count; ++i, pixel += 3) {
      r += weight[i] * pixel[0];
      g += weight[i] * pixel[1];
      b += weight[i] * pixel[2];
    }
    *out++ = r;
    *out++ = g;
    *out++ = b;
  }
}

/// "12.5 x 40 at (3, 0)"
std::string text(const Box& box) {
  std::array<char, 128> text;
  std::snprintf(text.data(), text.size(), "%.10g x %.10g at (%.10g, %.10g)", box.width, box.height,
                box.x, box.y);
  return text.data();
}

}  // namespace

Result<void> check_box(const Box& box, const Image& image) {
  // Written so that NaN is outside.
  if (box.x >= 0 && box.y >= 0 && box.width > 0 && box.height > 0 &&
      box.x + box.width <= image.width && box.y + box.height <= image.height) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument,
              "a part of " + text(box) + " is not inside the picture of " +
                  std::to_string(image.width) + " x " + std::to_string(image.height) + " pixels");
}

Result<Tensor> resize_bilinear(const Image& image, const Box& box, int out_width, int out_height) {
  GRADCAM_CHECK_OK(check_image(image));
  GRADCAM_CHECK_OK(check_box(box, image));
  if (out_width <= 0 || out_height <= 0) {
    return fail(ErrorCode::kInvalidArgument, "cannot resize to " + std::to_string(out_width) +
                                                 " x " + std::to_string(out_height) + " pixels");
  }
  GRADCAM_TRY(Tensor result, Tensor::zeros({static_cast<std::size_t>(out_height),
                                            static_cast<std::size_t>(out_width), 3}));

  const std::uint64_t buffers = filter_bytes(box.width, out_width) +
                                filter_bytes(box.height, out_height) +
                                sizeof(float) * 3 * static_cast<std::uint64_t>(image.width);
  if (!can_allocate(buffers)) {
    return fail(ErrorCode::kOutOfMemory, "not enough memory to resize the picture");
  }
  const Filter horizontal = triangle_filter(image.width, box.x, box.width, out_width);
  const Filter vertical = triangle_filter(image.height, box.y, box.height, out_height);
  // Rows are summed first: that pass touches every source pixel and runs over contiguous values.
  const int left = horizontal.taps.front().first;
  const int right = horizontal.taps.back().first + horizontal.taps.back().count;
  std::vector<float> sums(static_cast<std::size_t>(right - left) * 3);
  float* out = result.data();
  for (const Taps& taps : vertical.taps) {
    std::ranges::fill(sums, 0.0f);
    for (int i = 0; i < taps.count; ++i) {
      const std::size_t row = static_cast<std::size_t>(taps.first + i);
      const std::size_t first =
          row * static_cast<std::size_t>(image.width) + static_cast<std::size_t>(left);
      add_row(image.rgb.data() + first * 3,
              vertical.weights[taps.weights + static_cast<std::size_t>(i)], sums.size(),
              sums.data());
    }
    filter_row(sums, left, horizontal, out);
    out += std::ptrdiff_t{3} * out_width;
  }
  return result;
}

Result<Image> resize_image(const Image& image, int out_width, int out_height) {
  const Box whole{0, 0, static_cast<double>(image.width), static_cast<double>(image.height)};
  GRADCAM_TRY(const Tensor pixels, resize_bilinear(image, whole, out_width, out_height));
  GRADCAM_TRY(Image result, make_image(out_width, out_height));
  std::ranges::transform(pixels.values(), result.rgb.begin(), [](float value) {
    return static_cast<std::uint8_t>(std::clamp(value, 0.0f, 255.0f) + 0.5f);
  });
  return result;
}

}  // namespace gradcam
