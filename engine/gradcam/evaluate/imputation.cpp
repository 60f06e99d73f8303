#include "gradcam/evaluate/imputation.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "gradcam/kernels/simd.h"
#include "gradcam/tensor/random.h"

namespace gradcam {
namespace {

constexpr std::size_t kChannels = 3;

/// The channels of a pixel, and a zero.
struct Pixel {
  simd::F32x4 channels = {};

  double dot(const Pixel& other) const {
    const simd::F32x4 products = channels * other.channels;
    return double{products[0]} + double{products[1]} + double{products[2]};
  }
};

/// The equations of the pixels that are guessed: of each, the sum over its neighbours of weight *
/// (its value - theirs) is zero. They are symmetric and, as somewhere a neighbour is known,
/// positive definite.
class Equations {
 public:
  Equations(std::size_t height, std::size_t width, std::span<const std::size_t> unknown)
      : width_(width), cells_((height + 2) * pitch()) {
    std::vector<Pixel> ones(cells_);
    for (std::size_t pixel = 0; pixel < height * width; ++pixel) {
      ones[cell_of(pixel)].channels[0] = 1;
    }
    for (const std::size_t pixel : unknown) unknown_.push_back(cell_of(pixel));
    std::ranges::sort(unknown_);  // as they lie in memory
    for (const std::size_t cell : unknown_) weights_.push_back(around(ones, cell)[0]);
  }

  /// Pixels lie in a frame of zeros, so that all have eight neighbours.
  std::size_t cells() const { return cells_; }
  std::size_t cell_of(std::size_t pixel) const {
    return (pixel / width_ + 1) * pitch() + pixel % width_ + 1;
  }

  /// Finds the values that are not known, by conjugate gradients of all channels together.
  void solve(std::vector<Pixel>& values) const {
    const std::size_t n = unknown_.size();
    std::vector<Pixel> residual(n);
    std::vector<Pixel> product(n);
    std::vector<Pixel> direction(cells_);  // zero where the pixel is known
    for (const std::size_t cell : unknown_) values[cell] = {};
    double squares = 0;
    for (std::size_t i = 0; i < n; ++i) {
      residual[i] = direction[unknown_[i]] = {around(values, unknown_[i])};
      squares += residual[i].dot(residual[i]);
    }
    const double few = squares * kTolerance * kTolerance;
    for (std::size_t step = 0; step < kMostSteps && squares > few; ++step) {
      double curvature = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const Pixel& at = direction[unknown_[i]];
        product[i] = {weights_[i] * at.channels - around(direction, unknown_[i])};
        curvature += at.dot(product[i]);
      }
      const auto length = static_cast<float>(squares / curvature);
      const double before = std::exchange(squares, 0);
      for (std::size_t i = 0; i < n; ++i) {
        values[unknown_[i]].channels += length * direction[unknown_[i]].channels;
        residual[i].channels -= length * product[i].channels;
        squares += residual[i].dot(residual[i]);
      }
      const auto kept = static_cast<float>(squares / before);
      for (std::size_t i = 0; i < n; ++i) {
        simd::F32x4& at = direction[unknown_[i]].channels;
        at = residual[i].channels + kept * at;
      }
    }
  }

 private:
  // Of what the neighbours give at first. What is wrong then is less than a tenth of the noise.
  static constexpr double kTolerance = 1e-5;
  static constexpr std::size_t kMostSteps = 5'000;

  std::size_t pitch() const { return width_ + 2; }

  simd::F32x4 around(const std::vector<Pixel>& values, std::size_t cell) const {
    const Pixel* middle = values.data() + cell;
    const Pixel* above = middle - pitch();
    const Pixel* below = middle + pitch();
    const simd::F32x4 sides =
        above->channels + below->channels + middle[-1].channels + middle[1].channels;
    const simd::F32x4 corners =
        above[-1].channels + above[1].channels + below[-1].channels + below[1].channels;
    return sides * (1 / 6.f) + corners * (1 / 12.f);
  }

  std::size_t width_;
  std::size_t cells_;
  std::vector<std::size_t> unknown_;  // cells
  std::vector<float> weights_;        // of all their neighbours
};

}  // namespace

Result<Tensor> impute(const Tensor& input, std::span<const std::size_t> pixels,
                      const std::array<float, 3>& noise) {
  const std::size_t all = input.dim(0) * input.dim(1);
  if (pixels.size() >= all) {
    return fail(ErrorCode::kInvalidArgument, "no pixel is left to guess the others from");
  }
  GRADCAM_TRY(Tensor result, input.clone());
  const Equations equations(input.dim(0), input.dim(1), pixels);
  std::vector<Pixel> values(equations.cells());
  for (std::size_t pixel = 0; pixel < all; ++pixel) {
    const float* known = input.data() + pixel * kChannels;
    values[equations.cell_of(pixel)].channels = simd::F32x4{known[0], known[1], known[2], 0};
  }
  equations.solve(values);
  const RandomStream random(0, RandomPurpose::kNoise, 0);
  for (const std::size_t pixel : pixels) {
    const Pixel& guessed = values[equations.cell_of(pixel)];
    for (std::size_t c = 0; c < kChannels; ++c) {
      const std::size_t at = pixel * kChannels + c;
      const double deviation = double{noise[c]} * random.normal(at);
      result.data()[at] = static_cast<float>(double{guessed.channels[c]} + deviation);
    }
  }
  return result;
}

}  // namespace gradcam
