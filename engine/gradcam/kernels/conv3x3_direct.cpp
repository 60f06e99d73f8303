#include <algorithm>
#include <utility>

#include "gradcam/kernels/conv3x3_implementations.h"
#include "gradcam/kernels/gemm_tile.h"
#include "gradcam/kernels/max_pool2x2.h"

// The convolution as a matrix product: the 3x3 neighbourhoods of a few pixels are the rows of A
// (im2col), which stay in the fastest cache while all panels of the weights pass. For an image of
// three channels that takes less time than Winograd's transforms.
//
//   input [H, W, C] -> zero-bordered copy [rows + 2, W + 2, C] -> A [pixels, 9 C]
//     -> output [rows, W, O]
namespace gradcam {
namespace {

using simd::F32x4;

/// Floats from one neighbourhood to the next; they are copied in whole vectors.
constexpr std::size_t patch_floats(std::size_t channels) {
  return round_up(9 * channels + simd::kLanes - 1, simd::kLanes);
}

/// A neighbourhood's products with a panel of weights.
struct PanelProduct {
  const float* patches;
  std::size_t depth;   ///< 9 C
  const float* panel;  ///< [9 C][8]
  const float* bias;   ///< [8]
  bool relu;
  float* output;         ///< of the first pixel, the first of `count` channels
  std::size_t count;     ///< 1 to 8
  std::size_t channels;  ///< floats from one pixel of the output to the next
};

/// Of MR pixels. The distance of their neighbourhoods is a constant where it can be: the compiler
/// puts it into the loads, and has registers left.
template <std::size_t MR, std::size_t Pitch>
__attribute__((noinline)) void multiply(const PanelProduct& product, std::size_t pitch) {
  const F32x4 bias[2] = {simd::load(product.bias), simd::load(product.bias + simd::kLanes)};
  F32x4 acc[MR][2];
  for (F32x4(&pixel)[2] : acc) {
    pixel[0] = bias[0];
    pixel[1] = bias[1];
  }
  const float* panel = product.panel;
  accumulate_tile<MR>(product.patches, Pitch > 0 ? Pitch : pitch, panel, product.depth, acc);
  float* output = product.output;
  for (F32x4(&pixel)[2] : acc) {
    if (product.relu) {
      for (F32x4& half : pixel) half = simd::relu(half);
    }
    if (product.count == kTileColumns) {
      simd::store(output, pixel[0]);
      simd::store(output + simd::kLanes, pixel[1]);
    } else {
      GRADCAM_SHORT_LOOP
      for (std::size_t i = 0; i < product.count; ++i) {
        output[i] = pixel[i / simd::kLanes][i % simd::kLanes];
      }
    }
    output += product.channels;
  }
}

class DirectConv3x3 final : public Conv3x3 {
 public:
  DirectConv3x3(const Conv3x3Spec& spec, AlignedArray<float> weight, AlignedArray<float> bias)
      : Conv3x3(spec), weight_(std::move(weight)), bias_(std::move(bias)) {}

  std::size_t workspace_floats(std::size_t height, std::size_t width) const override {
    const std::size_t patches = kTileRows * patch_floats(spec_.in_channels);
    return round_up(bordered_floats(height, width) + patches + 2 * width * spec_.out_channels, 16);
  }

  void unpack(float* weight) const override {
    const std::size_t depth = 9 * spec_.in_channels;
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
    const float* bordered = workspace;
    float* patches = workspace + bordered_floats(height, width);
    float* two_rows = patches + kTileRows * patch_floats(spec_.in_channels);
    add_border(input, height, width, workspace);
    const std::size_t rows = spec_.output_rows(height);
    const std::size_t row_floats = width * spec_.out_channels;
    if (!pool) {
      for (std::size_t y = 0; y < rows; ++y) {
        convolve_row(bordered + y * bordered_row(width), width, patches, output + y * row_floats);
      }
      return {};
    }
    for (std::size_t y = 0; y + 2 <= rows; y += 2) {
      for (std::size_t i = 0; i < 2; ++i) {
        convolve_row(bordered + (y + i) * bordered_row(width), width, patches,
                     two_rows + i * row_floats);
      }
      max_pool2x2(two_rows, 2, width, spec_.out_channels, output);
      output += width / 2 * spec_.out_channels;
    }
    return {};
  }

  std::size_t bordered_row(std::size_t width) const { return (width + 2) * spec_.in_channels; }

  /// With what may be read past the end of the last row.
  std::size_t bordered_floats(std::size_t height, std::size_t width) const {
    return round_up((spec_.output_rows(height) + 2) * bordered_row(width) + simd::kLanes, 16);
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

  /// One row of the convolution, with bias and ReLU: [width, O].
  void convolve_row(const float* source, std::size_t width, float* patches, float* target) const {
    const std::size_t channels = spec_.in_channels;
    const std::size_t outputs = spec_.out_channels;
    const std::size_t depth = 9 * channels;
    for_each_tile(width, [&](std::size_t first, std::size_t pixels) {
      gather(source + first * channels, bordered_row(width), pixels, patches);
      for (std::size_t o = 0; o < outputs; o += kTileColumns) {
        const PanelProduct product{.patches = patches,
                                   .depth = depth,
                                   .panel = weight_.get() + o * depth,
                                   .bias = bias_.get() + o,
                                   .relu = spec_.relu,
                                   .output = target + first * outputs + o,
                                   .count = std::min(kTileColumns, outputs - o),
                                   .channels = outputs};
        with_tile_rows(pixels, [&]<std::size_t MR>() {
          if (channels == 3) {
            multiply<MR, patch_floats(3)>(product, 0);
          } else {
            multiply<MR, 0>(product, patch_floats(channels));
          }
        });
      }
    });
  }

  /// The neighbourhoods of some pixels beside each other: the three pixels under a row of the
  /// kernel are 3 C consecutive floats. What is copied beyond them is overwritten or never read.
  void gather(const float* source, std::size_t row, std::size_t pixels, float* patches) const {
    const std::size_t channels = spec_.in_channels;
    for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
      float* target = patches + pixel * patch_floats(channels);
      for (std::size_t ky = 0; ky < 3; ++ky) {
        const float* from = source + ky * row + pixel * channels;
        for (std::size_t i = 0; i < 3 * channels; i += simd::kLanes) {
          simd::store(target + i, simd::load(from + i));
        }
        target += 3 * channels;
      }
    }
  }

  AlignedArray<float> weight_;  // [O / 8][3, 3, C][8]
  AlignedArray<float> bias_;    // [O rounded up to 8]
};

}  // namespace

Result<std::unique_ptr<Conv3x3>> make_direct_conv3x3(const Conv3x3Spec& spec, const float* weight,
                                                     const float* bias) {
  const std::size_t depth = 9 * spec.in_channels;
  GRADCAM_TRY(AlignedArray<float> packed,
              allocate_array<float>(whole_panels(spec.out_channels) * depth));
  GRADCAM_TRY(AlignedArray<float> biases, allocate_array<float>(whole_panels(spec.out_channels)));
  for (std::size_t o = 0; o < spec.out_channels; ++o) {
    float* panel = packed.get() + DirectConv3x3::panel_offset(o, depth);
    for (std::size_t k = 0; k < depth; ++k) panel[k * kTileColumns] = weight[o * depth + k];
  }
  std::copy_n(bias, spec.out_channels, biases.get());
  return std::make_unique<DirectConv3x3>(spec, std::move(packed), std::move(biases));
}

}  // namespace gradcam
