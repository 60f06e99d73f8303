#include "gradcam/evaluate/masking.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "gradcam/tensor/order.h"
#include "gradcam/tensor/random.h"

namespace gradcam {
namespace {

Result<void> check_masked(const Tensor& input) {
  if (input.rank() == 3 && !input.empty()) return {};
  return fail(ErrorCode::kInvalidArgument,
              "what is masked is [height, width, channels], not " + to_string(input.shape()));
}

Result<void> check_pixels(const Tensor& input, std::span<const std::size_t> pixels) {
  GRADCAM_CHECK_OK(check_masked(input));
  const std::size_t count = input.dim(0) * input.dim(1);
  if (std::ranges::all_of(pixels, [&](std::size_t pixel) { return pixel < count; })) return {};
  return fail(ErrorCode::kInvalidArgument,
              "there are pixels beyond the " + std::to_string(count) + " of the input");
}

}  // namespace

Result<std::vector<float>> heat_of_pixels(const Heatmap& map, const Tensor& input) {
  GRADCAM_CHECK_OK(check_masked(input));
  if (!has_cells(map)) {
    return fail(ErrorCode::kInvalidArgument, "a map that is measured has rows and columns");
  }
  if (!std::ranges::all_of(map.values, [](float heat) { return std::isfinite(heat); })) {
    return fail(ErrorCode::kInvalidArgument, "a map that is measured has finite values");
  }
  return enlarge(map, input.dim(0), input.dim(1));
}

std::vector<std::size_t> hottest_first(std::span<const float> heat) {
  std::vector<std::size_t> pixels(heat.size());
  std::iota(pixels.begin(), pixels.end(), std::size_t{0});
  Random random(1);
  shuffle(pixels.size(), random,
          [&](std::size_t i, std::size_t j) { std::swap(pixels[i], pixels[j]); });
  std::vector<double> keys;
  keys.reserve(pixels.size());
  for (const std::size_t pixel : pixels) keys.push_back(double{heat[pixel]});
  std::vector<std::size_t> order = largest_first(keys);
  for (std::size_t& place : order) place = pixels[place];
  return order;
}

std::span<const std::size_t> first_pixels(std::span<const std::size_t> order, std::size_t step,
                                          std::size_t steps) {
  return order.first(order.size() * step / steps);
}

Result<Tensor> blur(const Tensor& input) {
  GRADCAM_CHECK_OK(check_masked(input));
  constexpr int kRadius = 5;
  double weights[2 * kRadius + 1];
  double sum = 0;
  for (int i = -kRadius; i <= kRadius; ++i) {
    sum += weights[i + kRadius] = std::exp(-0.5 * i * i / 25.0);
  }
  const auto height = static_cast<int>(input.dim(0));
  const auto width = static_cast<int>(input.dim(1));
  const auto channels = static_cast<int>(input.dim(2));
  GRADCAM_TRY(Tensor rows, Tensor::zeros(input.shape()));
  GRADCAM_TRY(Tensor result, Tensor::zeros(input.shape()));
  const auto pass = [&](const Tensor& from, Tensor& to, int dy, int dx) {
    float* target = to.data();
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        for (int c = 0; c < channels; ++c) {
          double value = 0;
          for (int i = -kRadius; i <= kRadius; ++i) {
            const int row = std::clamp(y + i * dy, 0, height - 1);
            const int column = std::clamp(x + i * dx, 0, width - 1);
            value +=
                weights[i + kRadius] * double{from.data()[(row * width + column) * channels + c]};
          }
          *target++ = static_cast<float>(value / sum);
        }
      }
    }
  };
  pass(input, rows, 0, 1);
  pass(rows, result, 1, 0);
  return result;
}

Result<Tensor> with_pixels(const Tensor& input, std::span<const std::size_t> pixels,
                           const Tensor& other) {
  GRADCAM_CHECK_OK(check_pixels(input, pixels));
  if (other.shape() != input.shape()) {
    return fail(ErrorCode::kInvalidArgument, "pixels of " + to_string(other.shape()) +
                                                 " cannot be those of " + to_string(input.shape()));
  }
  GRADCAM_TRY(Tensor result, input.clone());
  const std::size_t channels = input.dim(2);
  for (const std::size_t pixel : pixels) {
    std::copy_n(other.data() + pixel * channels, channels, result.data() + pixel * channels);
  }
  return result;
}

Result<Tensor> cover(const Tensor& input, std::span<const std::size_t> pixels,
                     const std::array<float, 3>& colour) {
  GRADCAM_CHECK_OK(check_pixels(input, pixels));
  if (input.dim(2) != colour.size()) {
    return fail(ErrorCode::kInvalidArgument,
                "a colour has three channels, an input " + to_string(input.shape()) + " has not");
  }
  GRADCAM_TRY(Tensor result, input.clone());
  for (const std::size_t pixel : pixels) {
    std::ranges::copy(colour, result.data() + pixel * colour.size());
  }
  return result;
}

std::vector<double> probabilities_of(const Vgg16& model, std::size_t class_index,
                                     const Tensor& logits) {
  std::vector<double> result;
  for (std::size_t at = 0; at < logits.size(); at += model.logits()) {
    const auto row = logits.values().subspan(at, model.logits());
    result.push_back(double{model.probabilities(row)[class_index]});
  }
  return result;
}

std::vector<double> curve_of(double first, std::span<const double> between, double last) {
  std::vector<double> curve = {first};
  curve.insert(curve.end(), between.begin(), between.end());
  curve.push_back(last);
  return curve;
}

}  // namespace gradcam
