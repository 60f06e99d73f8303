#include <algorithm>
#include <utility>

#include "gradcam/kernels/conv3x3_implementations.h"

namespace gradcam {
namespace {

/// The definition, written down.
class ReferenceConv3x3 final : public Conv3x3 {
 public:
  ReferenceConv3x3(const Conv3x3Spec& spec, Tensor weight, Tensor bias)
      : Conv3x3(spec), weight_(std::move(weight)), bias_(std::move(bias)) {}

  std::size_t workspace_floats(std::size_t, std::size_t) const override { return 0; }

  void unpack(float* weight) const override { std::ranges::copy(weight_.values(), weight); }

 private:
  Result<void> convolve(const float* input, std::size_t height, std::size_t width, float* output,
                        float*, bool pool) const override {
    const std::size_t step = pool ? 2 : 1;
    const std::size_t rows = spec_.output_rows(height);
    for (std::size_t y = 0; y + step <= rows; y += step) {
      for (std::size_t x = 0; x + step <= width; x += step) {
        for (std::size_t o = 0; o < spec_.out_channels; ++o) {
          float best = value(input, height, width, y, x, o);
          if (pool) {
            best = std::max({best, value(input, height, width, y, x + 1, o),
                             value(input, height, width, y + 1, x, o),
                             value(input, height, width, y + 1, x + 1, o)});
          }
          *output++ = best;
        }
      }
    }
    return {};
  }

  float value(const float* input, std::size_t height, std::size_t width, std::size_t y,
              std::size_t x, std::size_t o) const {
    const std::size_t channels = spec_.in_channels;
    double sum = bias_.data()[o];
    for (std::size_t ky = 0; ky < 3; ++ky) {
      for (std::size_t kx = 0; kx < 3; ++kx) {
        // Unsigned: a coordinate left of or above the image wraps to a huge one, outside as well.
        const std::size_t iy = y + ky - spec_.pad_top;
        const std::size_t ix = x + kx - 1;
        if (iy >= height || ix >= width) continue;
        const float* pixel = input + (iy * width + ix) * channels;
        const float* taps = weight_.data() + ((o * 3 + ky) * 3 + kx) * channels;
        for (std::size_t c = 0; c < channels; ++c) sum += double{pixel[c]} * taps[c];
      }
    }
    const auto result = static_cast<float>(sum);
    return spec_.relu ? std::max(result, 0.0f) : result;
  }

  Tensor weight_;
  Tensor bias_;
};

}  // namespace

Result<std::unique_ptr<Conv3x3>> make_reference_conv3x3(const Conv3x3Spec& spec,
                                                        const float* weight, const float* bias) {
  const std::size_t outputs = spec.out_channels;
  GRADCAM_TRY(Tensor weights, Tensor::from({outputs, 3, 3, spec.in_channels},
                                           {weight, outputs * 9 * spec.in_channels}));
  GRADCAM_TRY(Tensor biases, Tensor::from({outputs}, {bias, outputs}));
  return std::make_unique<ReferenceConv3x3>(spec, std::move(weights), std::move(biases));
}

}  // namespace gradcam
