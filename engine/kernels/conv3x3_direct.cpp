#include <algorithm>
#include <utility>

#include "kernels/conv3x3_implementations.h"
#include "kernels/gemm_tile.h"

// The convolution as a matrix product without building its matrix (implicit im2col): in NHWC the
// three pixels under a row of the kernel are 3 C consecutive floats, and the row of the next
// output pixel begins C floats further on.
//
//   input [H, W, C] -> zero-bordered copy [rows + 2, W + 2, C] -> output [rows, W, O]
namespace gradcam {
namespace {

using simd::F32x4;

constexpr std::size_t kTaps = 3;

class DirectConv3x3 final : public Conv3x3 {
 public:
  DirectConv3x3(const Conv3x3Spec& spec, AlignedArray<float> weight, AlignedArray<float> bias)
      : Conv3x3(spec), weight_(std::move(weight)), bias_(std::move(bias)) {}

  static std::size_t padded_outputs(const Conv3x3Spec& spec) {
    return (spec.out_channels + kTileColumns - 1) / kTileColumns * kTileColumns;
  }

  std::size_t workspace_floats(std::size_t height, std::size_t width) const override {
    return bordered_floats(height, width) + 2 * width * padded_outputs(spec_);
  }

  void unpack(float* weight) const override {
    const std::size_t depth = kTaps * kTaps * spec_.in_channels;
    for (std::size_t o = 0; o < spec_.out_channels; ++o) {
      const float* panel = weight_.get() + panel_offset(o, depth);
      for (std::size_t k = 0; k < depth; ++k) *weight++ = panel[k * kTileColumns];
    }
  }

  /// Where an output channel's weights begin; they are kTileColumns apart.
  static std::size_t panel_offset(std::size_t o, std::size_t depth) {
    return o / kTileColumns * kTileColumns * depth + o % kTileColumns;
  }

 private:
  Result<void> convolve(const float* input, std::size_t height, std::size_t width, float* output,
                        float* workspace, bool pool) const override {
    float* rows = workspace + bordered_floats(height, width);
    add_border(input, height, width, workspace);
    const std::size_t row_floats = width * padded_outputs(spec_);
    const std::size_t step = pool ? 2 : 1;
    const std::size_t out_row = width / step * spec_.out_channels;
    for (std::size_t y = 0; y + step <= spec_.output_rows(height); y += step) {
      for (std::size_t i = 0; i < step; ++i) {
        convolve_row(workspace + (y + i) * bordered_row(width), width, rows + i * row_floats);
      }
      write_row(rows, width, pool, output + y / step * out_row);
    }
    return {};
  }

  std::size_t bordered_row(std::size_t width) const { return (width + 2) * spec_.in_channels; }

  std::size_t bordered_floats(std::size_t height, std::size_t width) const {
    return ((spec_.output_rows(height) + 2) * bordered_row(width) + 15) / 16 * 16;
  }

  void add_border(const float* input, std::size_t height, std::size_t width,
                  float* bordered) const {
    const std::size_t channels = spec_.in_channels;
    const std::size_t row = bordered_row(width);
    std::fill_n(bordered, spec_.pad_top * row, 0.0f);
    for (std::size_t y = 0; y < height; ++y) {
      float* target = bordered + (y + spec_.pad_top) * row;
      std::fill_n(target, channels, 0.0f);
      std::copy_n(input + y * width * channels, width * channels, target + channels);
      std::fill_n(target + row - channels, channels, 0.0f);
    }
    std::fill_n(bordered + (height + spec_.pad_top) * row, spec_.pad_bottom * row, 0.0f);
  }

  /// One row of the convolution, with bias and ReLU: [width, O rounded up to 8].
  void convolve_row(const float* source, std::size_t width, float* target) const {
    const std::size_t outputs = padded_outputs(spec_);
    const std::size_t channels = spec_.in_channels;
    for (std::size_t o = 0; o < outputs; o += kTileColumns) {
      const float* panel = weight_.get() + o * kTaps * kTaps * channels;
      for_each_tile(width, [&](std::size_t first, std::size_t pixels) {
        const float* from = source + first * channels;
        float* to = target + first * outputs + o;
        with_tile_rows(pixels, [&]<std::size_t MR>() {
          // VGG16's first layer, the one this is for: let the compiler know the distance.
          if (channels == 3) {
            convolve_tile<MR>(from, 3, bordered_row(width), panel, o, to);
          } else {
            convolve_tile<MR>(from, channels, bordered_row(width), panel, o, to);
          }
        });
      });
    }
  }

  template <std::size_t MR>
  inline __attribute__((always_inline)) void convolve_tile(const float* source,
                                                           std::size_t channels, std::size_t row,
                                                           const float* panel, std::size_t o,
                                                           float* target) const {
    F32x4 acc[MR][2];
    for (F32x4(&pixel)[2] : acc) {
      pixel[0] = simd::load(bias_.get() + o);
      pixel[1] = simd::load(bias_.get() + o + 4);
    }
    for (std::size_t ky = 0; ky < kTaps; ++ky) {
      accumulate_tile<MR>(source + ky * row, channels, panel, kTaps * channels, acc);
    }
    const std::size_t outputs = padded_outputs(spec_);
    for (std::size_t r = 0; r < MR; ++r) {
      for (std::size_t half = 0; half < 2; ++half) {
        const F32x4 value = spec_.relu ? simd::relu(acc[r][half]) : acc[r][half];
        simd::store(target + r * outputs + half * 4, value);
      }
    }
  }

  /// Drops the channels that only fill up the last panel, and pools two rows into one.
  void write_row(const float* rows, std::size_t width, bool pool, float* target) const {
    const std::size_t padded = padded_outputs(spec_);
    const float* below = rows + width * padded;
    const std::size_t step = pool ? 2 : 1;
    for (std::size_t x = 0; x + step <= width; x += step) {
      const float* pixel = rows + x * padded;
      if (!pool) {
        target = std::copy_n(pixel, spec_.out_channels, target);
        continue;
      }
      const float* lower = below + x * padded;
      for (std::size_t o = 0; o < spec_.out_channels; ++o) {
        *target++ =
            std::max(std::max(pixel[o], pixel[padded + o]), std::max(lower[o], lower[padded + o]));
      }
    }
  }

  AlignedArray<float> weight_;  // [O / 8][3][3 C][8]
  AlignedArray<float> bias_;    // [O rounded up to 8]
};

}  // namespace

Result<std::unique_ptr<Conv3x3>> make_direct_conv3x3(const Conv3x3Spec& spec, const float* weight,
                                                     const float* bias) {
  const std::size_t depth = kTaps * kTaps * spec.in_channels;
  const std::size_t outputs = DirectConv3x3::padded_outputs(spec);
  GRADCAM_TRY(AlignedArray<float> packed, allocate_array<float>(outputs * depth));
  GRADCAM_TRY(AlignedArray<float> biases, allocate_array<float>(outputs));
  for (std::size_t o = 0; o < spec.out_channels; ++o) {
    float* panel = packed.get() + DirectConv3x3::panel_offset(o, depth);
    for (std::size_t k = 0; k < depth; ++k) panel[k * kTileColumns] = weight[o * depth + k];
  }
  std::copy_n(bias, spec.out_channels, biases.get());
  return std::make_unique<DirectConv3x3>(spec, std::move(packed), std::move(biases));
}

}  // namespace gradcam
