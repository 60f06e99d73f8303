#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "gradcam/kernels/conv3x3_implementations.h"
#include "gradcam/kernels/gemm_tile.h"
#include "gradcam/kernels/simd.h"
#include "gradcam/kernels/winograd_kernels.h"
#include "gradcam/kernels/winograd_tiling.h"
#include "gradcam/kernels/x86.h"

// Winograd's minimal filtering: Lavin and Gray, "Fast Algorithms for Convolutional Neural
// Networks", 2015 (arXiv 1509.09308). By F(4x4, 3x3) every 4x4 tile of the output comes from a 6x6
// tile d of the input as A^T [ (G g G^T) * (B^T d B) ] A, where * is elementwise; over channels the
// elementwise products are 36 independent matrix products, one for each point. That is a quarter
// of the multiplications of the direct method, at a relative error of about 2e-6. F(6x6, 3x3) has
// 64 points, a fifth of the multiplications, and about twice the error. At the lower and the right
// edge tiles may be two outputs shorter, with the same weights: winograd_tiling.h.
//
//   input [H, W, C] -> V [point][k-block][tile][64 + pad] -> M [point][tile][O + pad]
//     -> output [rows, W, O]
namespace gradcam {
namespace winograd {
namespace {

// For any processor, and for every browser.
#include "gradcam/kernels/winograd_kernels.inc"

constexpr Kernels kPortableF4 = kernels<4>();
constexpr Kernels kPortableF6 = kernels<6>();

}  // namespace
}  // namespace winograd

namespace {

using winograd::cover;
using winograd::kDepth;
using winograd::Kernels;
using winograd::kRowFloats;
using winograd::Tiling;

constexpr std::size_t kPad = 16;

// Points of tiles transformed at a time: V and M of a block should stay in the second-level cache,
// while a panel of U, streamed once per block, should serve many tiles: all those of a 28x28 map,
// whose U is the largest.
constexpr std::size_t kMaxPoints = 52 * 36;

std::size_t points(const Kernels& kernels) { return (kernels.side + 2) * (kernels.side + 2); }

/// One of the three taps g from u = G g, which are side + 2 numbers.
double tap(std::size_t side, const double* u, std::size_t index) {
  switch (index) {
    case 0:
      return side == 6 ? u[0] : 4 * u[0];
    case 1:
      return (side == 6 ? 2.25 : 3) * (u[2] - u[1]);
    default:
      return u[side + 1];
  }
}

/// Outputs and channels of U, of all points: [point][channels / 64][outputs / 8][64][8].
struct Panels {
  std::size_t outputs;  // whole panels
  std::size_t channels;

  /// Floats from one point to the next.
  std::size_t point() const { return outputs * channels + kPad; }
};

Panels all_panels(const Conv3x3Spec& spec) {
  return {.outputs = whole_panels(spec.out_channels), .channels = spec.in_channels};
}

/// What is made of U at a time where the weights are transformed on every run: all of it, if it is
/// small enough to be made once and read from a cache for each block of tiles; or as much as stays
/// in the second-level cache until it is multiplied with one block, beside that block's V and M.
Panels panels_at_a_time(const Conv3x3Spec& spec) {
  constexpr std::size_t kSmall = std::size_t{64} * 512;
  constexpr std::size_t kOutputs = 32;
  const Panels all = all_panels(spec);
  if (all.outputs * all.channels <= kSmall) return all;
  return {.outputs = std::min(all.outputs, kOutputs), .channels = std::min(all.channels, kDepth)};
}

/// Floats that transform_weights needs: the weights of a panel.
constexpr std::size_t kWeightFloats = kTileColumns * 9 * winograd::kTapFloats;

/// Makes panels of U from output `first_output` and channel `first_channel` on, zero where there is
/// no such output.
void transform_weights(const Kernels& kernels, const Conv3x3Spec& spec, const ExpandRow& weights,
                       std::size_t first_output, std::size_t first_channel, const Panels& panels,
                       float* g, float* u) {
  for (std::size_t c = 0; c < panels.channels; c += kDepth) {
    const std::size_t depth = std::min(kDepth, panels.channels - c);
    for (std::size_t o = 0; o < panels.outputs; o += kTileColumns) {
      for (std::size_t row = 0; row < kTileColumns * 9; ++row) {
        const std::size_t output = first_output + o + row / 9;
        const std::span<float> taps(g + row * winograd::kTapFloats, depth);
        if (output < spec.out_channels) {
          weights(output, row % 9 * spec.in_channels + first_channel + c, taps);
        } else {
          std::ranges::fill(taps, 0.0f);
        }
      }
      kernels.weight_tile({.g = g,
                           .channels = depth,
                           .panel = u + c * panels.outputs + o * depth,
                           .u_point = panels.point()});
    }
  }
}

/// Keeps U, or, with `weights`, the weights as they are stored, of which it makes U bit by bit on
/// every run: a quarter of the memory or less.
class WinogradConv3x3 final : public Conv3x3 {
 public:
  WinogradConv3x3(const Kernels& kernels, const Conv3x3Spec& spec, AlignedArray<float> u,
                  ExpandRow weights, AlignedArray<float> bias)
      : Conv3x3(spec),
        kernels_(kernels),
        side_(kernels.side),
        tile_(side_ + 2),
        points_(points(kernels)),
        panels_(weights ? panels_at_a_time(spec) : all_panels(spec)),
        u_(std::move(u)),
        weights_(std::move(weights)),
        bias_(std::move(bias)) {}

  std::size_t workspace_floats(std::size_t height, std::size_t width) const override {
    const Blocking b = blocking(height, width);
    std::size_t floats = points_ * (b.v_point + b.m_point) + patch_floats();
    if (weights_) floats += points_ * panels_.point() + kWeightFloats;
    return floats;
  }

  void unpack(float* weight) const override {
    if (weights_) {
      const std::size_t row = 9 * spec_.in_channels;
      for (std::size_t o = 0; o < spec_.out_channels; ++o) weights_(o, 0, {weight + o * row, row});
      return;
    }
    for (std::size_t o = 0; o < spec_.out_channels; ++o) {
      for (std::size_t c = 0; c < spec_.in_channels; ++c) {
        double rows[3][kMaxTile];  // the taps along y, still transformed along x
        for (std::size_t x = 0; x < tile_; ++x) {
          double column[kMaxTile];
          for (std::size_t y = 0; y < tile_; ++y) {
            column[y] = double{u_[u_offset(y * tile_ + x, o, c)]};
          }
          for (std::size_t y = 0; y < 3; ++y) rows[y][x] = tap(side_, column, y);
        }
        float* kernel = weight + o * 9 * spec_.in_channels + c;
        for (std::size_t y = 0; y < 3; ++y) {
          for (std::size_t x = 0; x < 3; ++x) {
            kernel[(y * 3 + x) * spec_.in_channels] = static_cast<float>(tap(side_, rows[y], x));
          }
        }
      }
    }
  }

 private:
  Result<void> convolve(const float* input, std::size_t height, std::size_t width, float* output,
                        float* workspace, bool pool) const override {
    const Blocking b = blocking(height, width);
    float* v = workspace;
    float* m = v + points_ * b.v_point;
    float* patch = m + points_ * b.m_point;
    float* own_u = patch + patch_floats();
    float* g = own_u + points_ * panels_.point();
    const float* u = weights_ ? own_u : u_.get();
    const Panels all = all_panels(spec_);
    const bool is_whole = panels_.point() == all.point();
    if (weights_ && is_whole) transform_weights(kernels_, spec_, weights_, 0, 0, all, g, own_u);
    for (std::size_t first = 0; first < b.tiling.tiles(); first += b.tiles) {
      const Tiling::Range tiles = {first, std::min(first + b.tiles, b.tiling.tiles())};
      for (std::size_t i = first; i < tiles.end; ++i) {
        input_tile(b, input, height, width, b.tiling.tile(i), v + (i - first) * kRowFloats, patch);
      }
      for (std::size_t o = 0; o < all.outputs; o += panels_.outputs) {
        for (std::size_t c = 0; c < all.channels; c += panels_.channels) {
          const Panels panels = {.outputs = std::min(panels_.outputs, all.outputs - o),
                                 .channels = std::min(panels_.channels, all.channels - c)};
          if (!is_whole) transform_weights(kernels_, spec_, weights_, o, c, panels, g, own_u);
          multiply(b, tiles, v, c, panels, u, m);
        }
        for (std::size_t i = first; i < tiles.end; ++i) {
          output_tile(b, m + (i - first) * b.m_tile, width, b.tiling.tile(i), o, pool, output);
        }
      }
    }
    return {};
  }

  static constexpr std::size_t kMaxTile = 8;

  /// Into winograd::BySize.
  std::size_t size_index(const Tiling::Tile& tile) const {
    return (tile.rows < side_ ? 2 : 0) + (tile.columns < side_ ? 1 : 0);
  }

  struct Blocking {
    Tiling tiling;
    std::size_t rows;     // rows of the output, before pooling
    std::size_t tiles;    // tiles transformed at a time
    std::size_t v_block;  // floats from one block of 64 channels of V to the next
    std::size_t v_point;  // floats from V of one point to that of the next
    std::size_t m_tile;   // floats from one tile of M to the next
    std::size_t m_point;  // floats from M of one point to that of the next
  };

  std::size_t u_offset(std::size_t point, std::size_t o, std::size_t c) const {
    const Panels all = all_panels(spec_);
    const std::size_t block = c / kDepth * kDepth;
    const std::size_t depth = std::min(kDepth, all.channels - block);
    return point * all.point() + block * all.outputs + o / kTileColumns * kTileColumns * depth +
           (c - block) * kTileColumns + o % kTileColumns;
  }

  std::size_t patch_floats() const { return points_ * round_up(spec_.in_channels, kPad) + kPad; }

  Blocking blocking(std::size_t height, std::size_t width) const {
    Blocking b;
    b.rows = spec_.output_rows(height);
    b.tiling = Tiling(b.rows, width, side_);
    const std::size_t most = kMaxPoints / points_;
    const std::size_t blocks = (b.tiling.tiles() + most - 1) / most;
    b.tiles = (b.tiling.tiles() + blocks - 1) / blocks;
    b.v_block = b.tiles * kRowFloats;
    b.v_point = (spec_.in_channels + kDepth - 1) / kDepth * b.v_block + kPad;
    b.m_tile = panels_.outputs + kPad;
    b.m_point = b.tiles * b.m_tile + kPad;
    return b;
  }

  /// From the input to the tile's row of V.
  void input_tile(const Blocking& b, const float* input, std::size_t height, std::size_t width,
                  const Tiling::Tile& tile, float* v, float* patch) const {
    const std::size_t channels = spec_.in_channels;
    // Its upper left corner is one pixel up and left of its output: in the padding, or in the row
    // above that a strip brings with it.
    const std::size_t top = spec_.pad_top;
    const bool is_inside = tile.y >= top && tile.x > 0 && tile.y + tile.rows + 2 - top <= height &&
                           tile.x + tile.columns + 1 <= width;
    if (!is_inside) copy_with_zeros(input, height, width, tile, patch);
    const auto transform = kernels_.input_tile[size_index(tile)];
    transform(
        {.source = is_inside ? input + ((tile.y - top) * width + (tile.x - 1)) * channels : patch,
         .row = (is_inside ? width : tile.columns + 2) * channels,
         .channels = channels,
         .v = v,
         .v_point = b.v_point,
         .v_block = b.v_block});
  }

  /// The input for a tile's outputs, zero where it leaves the map.
  void copy_with_zeros(const float* input, std::size_t height, std::size_t width,
                       const Tiling::Tile& tile, float* patch) const {
    const std::size_t channels = spec_.in_channels;
    for (std::size_t dy = 0; dy < tile.rows + 2; ++dy) {
      for (std::size_t dx = 0; dx < tile.columns + 2; ++dx) {
        // Unsigned: -1 wraps to a huge coordinate, outside as well.
        const std::size_t iy = tile.y + dy - spec_.pad_top;
        const std::size_t ix = tile.x + dx - 1;
        if (iy < height && ix < width) {
          std::copy_n(input + (iy * width + ix) * channels, channels, patch);
        } else {
          std::fill_n(patch, channels, 0.0f);
        }
        patch += channels;
      }
    }
  }

  /// M = V U for each point, over the channels of these panels, from `first` on; 64 at a time: so
  /// much of V stays in the first-level cache while all panels of U pass, which are streamed once.
  void multiply(const Blocking& b, const Tiling::Range& tiles, const float* v, std::size_t first,
                const Panels& panels, const float* u, float* m) const {
    const float* end = u + points_ * panels.point();
    for (std::size_t point = 0; point < points_; ++point) {
      const Tiling::Range with = b.tiling.with_point(point / tile_, point % tile_);
      const std::size_t from = std::max(with.first, tiles.first);
      const std::size_t to = std::min(with.end, tiles.end);
      if (from >= to) continue;
      const float* panel = u + point * panels.point();
      for (std::size_t c = 0; c < panels.channels; c += kDepth) {
        const std::size_t depth = std::min(kDepth, panels.channels - c);
        const std::size_t panel_floats = kTileColumns * depth;
        for (std::size_t o = 0; o < panels.outputs; o += kTileColumns) {
          const float* next = panel + panel_floats;
          kernels_.multiply_panel({.v = v + point * b.v_point + (first + c) / kDepth * b.v_block +
                                        (from - tiles.first) * kRowFloats,
                                   .tiles = to - from,
                                   .panel = panel,
                                   .ahead = next + panel_floats <= end ? next : nullptr,
                                   .channels = depth,
                                   .add = first + c > 0,
                                   .m = m + point * b.m_point + (from - tiles.first) * b.m_tile + o,
                                   .m_tile = b.m_tile});
          panel = next;
        }
      }
    }
  }

  /// One tile of M to its outputs, from channel `o` on, or their 2x2 maxima; what leaves the map is
  /// dropped.
  void output_tile(const Blocking& b, const float* m, std::size_t width, const Tiling::Tile& tile,
                   std::size_t o, bool pool, float* output) const {
    const std::size_t pixel = spec_.out_channels;
    const std::size_t step = pool ? 2 : 1;
    const std::size_t pitch = width / step * pixel;
    const auto transform = kernels_.output_tile[size_index(tile)];
    transform({.m = m,
               .m_point = b.m_point,
               .bias = bias_.get() + o,
               .outputs = std::min(panels_.outputs, pixel - o),
               .pixel = pixel,
               .relu = spec_.relu,
               .pool = pool,
               .rows = std::min(tile.rows, b.rows - tile.y) / step,
               .columns = std::min(tile.columns, width - tile.x) / step,
               .corner = output + tile.y / step * pitch + tile.x / step * pixel + o,
               .pitch = pitch});
  }

  const Kernels& kernels_;
  std::size_t side_;          // of a tile of the output
  std::size_t tile_;          // of one of the input
  std::size_t points_;        // of a tile, transformed
  Panels panels_;             // multiplied at a time
  AlignedArray<float> u_;     // the transformed weights, all panels
  ExpandRow weights_;         // or those that are not: rows of [3][3][C]
  AlignedArray<float> bias_;  // [O rounded up to 8]
};

/// Larger tiles need fewer multiplications for each output, but more weights, which are fetched
/// from memory: on small maps, of few tiles, that takes longer.
bool suits_large_tiles(const Conv3x3Spec& spec) {
  if (spec.usual_side == 0) return true;
  // For each pair of channels, in multiplications.
  const auto cost = [&](std::size_t side) {
    constexpr std::size_t kFetch = 5;
    const std::size_t across = cover(spec.usual_side, side).points();
    return across * across + kFetch * (side + 2) * (side + 2);
  };
  return cost(6) <= cost(4);
}

Result<std::unique_ptr<Conv3x3>> make(const Kernels& kernels, const Conv3x3Spec& spec,
                                      const ExpandRow& weights, const float* bias, bool keep_u) {
  const Panels all = all_panels(spec);
  GRADCAM_TRY(AlignedArray<float> biases, allocate_array<float>(all.outputs));
  std::copy_n(bias, spec.out_channels, biases.get());
  AlignedArray<float> u;
  if (keep_u) {
    GRADCAM_TRY(u, allocate_array<float>(points(kernels) * all.point(), false));
    GRADCAM_TRY(const auto g, allocate_array<float>(kWeightFloats, false));
    transform_weights(kernels, spec, weights, 0, 0, all, g.get(), u.get());
  }
  return std::make_unique<WinogradConv3x3>(kernels, spec, std::move(u),
                                           keep_u ? ExpandRow() : weights, std::move(biases));
}

Result<std::unique_ptr<Conv3x3>> make_portable(const Conv3x3Spec& spec, const ExpandRow& weights,
                                               const float* bias, bool keep_u) {
  using winograd::kPortableF4;
  using winograd::kPortableF6;
  return make(suits_large_tiles(spec) ? kPortableF6 : kPortableF4, spec, weights, bias, keep_u);
}

#if defined(__x86_64__)
Result<std::unique_ptr<Conv3x3>> make_avx2(const Conv3x3Spec& spec, const ExpandRow& weights,
                                           const float* bias, bool keep_u) {
  using winograd::kAvx2F4;
  using winograd::kAvx2F6;
  return make(suits_large_tiles(spec) ? kAvx2F6 : kAvx2F4, spec, weights, bias, keep_u);
}
#endif

/// Rows of weights that lie in memory, for as long as they do.
ExpandRow rows_of(const Conv3x3Spec& spec, const float* weight) {
  return [weight, size = 9 * spec.in_channels](std::size_t output, std::size_t first,
                                               std::span<float> values) {
    simd::copy(weight + output * size + first, values.size(), values.data());
  };
}

}  // namespace

Result<std::unique_ptr<Conv3x3>> make_winograd_conv3x3(const Conv3x3Spec& spec, const float* weight,
                                                       const float* bias) {
  return make_portable(spec, rows_of(spec, weight), bias, true);
}

#if defined(__x86_64__)
Result<std::unique_ptr<Conv3x3>> make_winograd_avx2_conv3x3(const Conv3x3Spec& spec,
                                                            const float* weight,
                                                            const float* bias) {
  return make_avx2(spec, rows_of(spec, weight), bias, true);
}
#endif

Result<std::unique_ptr<Conv3x3>> make_lean_conv3x3(const Conv3x3Spec& spec,
                                                   const ExpandRow& weights, const float* bias) {
#if defined(__x86_64__)
  if (has_avx2()) return make_avx2(spec, weights, bias, false);
#endif
  return make_portable(spec, weights, bias, false);
}

}  // namespace gradcam
