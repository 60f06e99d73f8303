#include <algorithm>
#include <array>
#include <utility>

#include "kernels/conv3x3_implementations.h"
#include "kernels/gemm_tile.h"
#include "kernels/simd.h"

// Winograd's minimal filtering F(4x4, 3x3): Lavin and Gray, "Fast Algorithms for Convolutional
// Neural Networks", 2015 (arXiv 1509.09308). Every 4x4 tile of the output comes from a 6x6 tile d
// of the input as A^T [ (G g G^T) * (B^T d B) ] A, where * is elementwise; over channels the
// elementwise products are 36 independent matrix products. A quarter of the multiplications of
// the direct method, at a relative error of about 1e-6.
//
//   input [H, W, C] -> V [36][k-block][tile][64 + pad] -> M [tile][36][O + pad]
//     -> output [rows, W, O]
namespace gradcam {
namespace {

using simd::F32x4;
using simd::madd;
using simd::splat;

constexpr std::size_t kOut = 4;  // side of an output tile
constexpr std::size_t kIn = 6;   // side of an input tile
constexpr std::size_t kPoints = kIn * kIn;

// V is cut into blocks of 64 channels, so that the distance of its rows is a constant that the
// compiler puts into the loads. The pads keep rows of equal index out of one another's cache sets.
constexpr std::size_t kDepth = 64;
constexpr std::size_t kRowFloats = kDepth + 4;
constexpr std::size_t kPad = 16;

// Tiles transformed at a time: V and M of a block should stay in the second-level cache, while a
// panel of U, streamed once per block, should serve many tiles.
constexpr std::size_t kMaxTiles = 96;

constexpr std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

/// B^T d for six vectors.
inline __attribute__((always_inline)) void transform_input(const F32x4 (&d)[kIn], F32x4 (&t)[kIn]) {
  const F32x4 a = madd(d[2], splat(-4), d[4]);
  const F32x4 b = madd(d[1], splat(-4), d[3]);
  const F32x4 c = d[4] - d[2];
  const F32x4 half_e = d[3] - d[1];
  const F32x4 e = half_e + half_e;
  t[0] = madd(d[0], splat(4), madd(d[2], splat(-5), d[4]));
  t[1] = a + b;
  t[2] = a - b;
  t[3] = c + e;
  t[4] = c - e;
  t[5] = madd(d[1], splat(4), madd(d[3], splat(-5), d[5]));
}

/// A^T m for six vectors.
inline __attribute__((always_inline)) void transform_output(const F32x4 (&m)[kIn],
                                                            F32x4 (&y)[kOut]) {
  const F32x4 a = m[1] + m[2];
  const F32x4 b = m[1] - m[2];
  const F32x4 c = m[3] + m[4];
  const F32x4 d = m[3] - m[4];
  y[0] = (m[0] + a) + c;
  y[1] = madd(d, splat(2), b);
  y[2] = madd(c, splat(4), a);
  y[3] = madd(d, splat(8), b) + m[5];
}

/// A value for each of the eight output channels of a panel, in double: weights are transformed
/// once, at load.
using Panel = std::array<double, kTileColumns>;

/// G g for three taps.
inline void transform_taps(const Panel& a, const Panel& b, const Panel& c,
                           std::array<Panel, kIn>& u) {
  for (std::size_t i = 0; i < kTileColumns; ++i) {
    u[0][i] = a[i] / 4;
    u[1][i] = -(a[i] + b[i] + c[i]) / 6;
    u[2][i] = (-a[i] + b[i] - c[i]) / 6;
    u[3][i] = a[i] / 24 + b[i] / 12 + c[i] / 6;
    u[4][i] = a[i] / 24 - b[i] / 12 + c[i] / 6;
    u[5][i] = c[i];
  }
}

/// One 6x6 tile, `channels` deep, into column `tile` of V. Pixels and rows of the source are
/// `pixel` and `row` floats apart; it may be read up to the next multiple of 4 channels.
void input_tile(const float* source, std::size_t row, std::size_t pixel, std::size_t channels,
                float* v, std::size_t v_point, std::size_t v_block) {
  for (std::size_t c = 0; c < channels; c += simd::kLanes) {
    F32x4 columns[kIn][kIn];  // [y][x], transformed along y
    for (std::size_t x = 0; x < kIn; ++x) {
      F32x4 d[kIn];
      for (std::size_t y = 0; y < kIn; ++y) d[y] = simd::load(source + y * row + x * pixel + c);
      F32x4 t[kIn];
      transform_input(d, t);
      for (std::size_t y = 0; y < kIn; ++y) columns[y][x] = t[y];
    }
    float* target = v + c / kDepth * v_block + c % kDepth;
    for (std::size_t y = 0; y < kIn; ++y) {
      F32x4 t[kIn];
      transform_input(columns[y], t);
      for (std::size_t x = 0; x < kIn; ++x) {
        simd::store(target, t[x]);
        target += v_point;
      }
    }
  }
}

/// Stores `lanes` (1..4) channels.
inline void store_lanes(float* p, F32x4 value, std::size_t lanes) {
  if (lanes == simd::kLanes) {
    simd::store(p, value);
  } else {
    for (std::size_t i = 0; i < lanes; ++i) p[i] = value[i];
  }
}

/// One of the three taps g from G g.
double tap(const double (&u)[kIn], std::size_t index) {
  switch (index) {
    case 0:
      return 4 * u[0];
    case 1:
      return 3 * (u[2] - u[1]);
    default:
      return u[5];
  }
}

class WinogradConv3x3 final : public Conv3x3 {
 public:
  WinogradConv3x3(const Conv3x3Spec& spec, AlignedArray<float> u, AlignedArray<float> bias)
      : Conv3x3(spec), u_(std::move(u)), bias_(std::move(bias)) {}

  static std::size_t padded_outputs(const Conv3x3Spec& spec) {
    return round_up(spec.out_channels, kTileColumns);
  }

  std::size_t workspace_floats(std::size_t height, std::size_t width) const override {
    const Blocking b = blocking(height, width);
    return kPoints * b.v_point + b.tiles * b.m_tile + patch_floats();
  }

  void unpack(float* weight) const override {
    for (std::size_t o = 0; o < spec_.out_channels; ++o) {
      for (std::size_t c = 0; c < spec_.in_channels; ++c) {
        double rows[3][kIn];  // the taps along y, still transformed along x
        for (std::size_t x = 0; x < kIn; ++x) {
          double column[kIn];
          for (std::size_t y = 0; y < kIn; ++y) column[y] = double{u_[u_offset(y * kIn + x, o, c)]};
          for (std::size_t y = 0; y < 3; ++y) rows[y][x] = tap(column, y);
        }
        float* kernel = weight + o * 9 * spec_.in_channels + c;
        for (std::size_t y = 0; y < 3; ++y) {
          for (std::size_t x = 0; x < 3; ++x) {
            kernel[(y * 3 + x) * spec_.in_channels] = static_cast<float>(tap(rows[y], x));
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
    float* m = v + kPoints * b.v_point;
    float* patch = m + b.tiles * b.m_tile;
    for (std::size_t first = 0; first < b.total; first += b.tiles) {
      const std::size_t count = std::min(b.tiles, b.total - first);
      transform_inputs(input, height, width, b, first, count, v, patch);
      multiply(b, count, v, m);
      for (std::size_t i = 0; i < count; ++i) {
        output_tile(m + i * b.m_tile, b.rows, width, (first + i) / b.across * kOut,
                    (first + i) % b.across * kOut, pool, output);
      }
    }
    return {};
  }

  struct Blocking {
    std::size_t rows;     // rows of the output, before pooling
    std::size_t across;   // tiles in a row of tiles
    std::size_t total;    // tiles of the map
    std::size_t tiles;    // tiles transformed at a time
    std::size_t v_block;  // floats from one block of 64 channels of V to the next
    std::size_t v_point;  // floats from one of the 36 matrices of V to the next
    std::size_t m_tile;   // floats from one tile of M to the next
  };

  std::size_t u_offset(std::size_t point, std::size_t o, std::size_t c) const {
    return (point * padded_outputs(spec_) + o / kTileColumns * kTileColumns) * spec_.in_channels +
           c * kTileColumns + o % kTileColumns;
  }

  std::size_t m_row() const { return padded_outputs(spec_) + kPad; }
  std::size_t patch_floats() const { return kPoints * round_up(spec_.in_channels, kPad) + kPad; }

  Blocking blocking(std::size_t height, std::size_t width) const {
    Blocking b;
    b.rows = spec_.output_rows(height);
    b.across = (width + kOut - 1) / kOut;
    b.total = b.across * ((b.rows + kOut - 1) / kOut);
    const std::size_t blocks = (b.total + kMaxTiles - 1) / kMaxTiles;
    b.tiles = (b.total + blocks - 1) / blocks;
    b.v_block = b.tiles * kRowFloats;
    b.v_point = (spec_.in_channels + kDepth - 1) / kDepth * b.v_block + kPad;
    b.m_tile = kPoints * m_row();
    return b;
  }

  void transform_inputs(const float* input, std::size_t height, std::size_t width,
                        const Blocking& b, std::size_t first, std::size_t count, float* v,
                        float* patch) const {
    const std::size_t channels = spec_.in_channels;
    for (std::size_t i = 0; i < count; ++i) {
      // The tile's upper left corner is one pixel up and left of its output: in the padding, or in
      // the row above that a strip brings with it.
      const std::size_t y = (first + i) / b.across * kOut;
      const std::size_t x = (first + i) % b.across * kOut;
      const std::size_t top = spec_.pad_top;
      float* target = v + i * kRowFloats;
      if (y >= top && x > 0 && y + kIn - top <= height && x + kIn - 1 <= width) {
        const float* source = input + ((y - top) * width + (x - 1)) * channels;
        input_tile(source, width * channels, channels, channels, target, b.v_point, b.v_block);
      } else {
        copy_with_zeros(input, height, width, y, x, patch);
        input_tile(patch, kIn * channels, channels, channels, target, b.v_point, b.v_block);
      }
    }
  }

  /// The 6x6 tile around output pixel (y, x), zero where it leaves the map.
  void copy_with_zeros(const float* input, std::size_t height, std::size_t width, std::size_t y,
                       std::size_t x, float* patch) const {
    const std::size_t channels = spec_.in_channels;
    for (std::size_t dy = 0; dy < kIn; ++dy) {
      for (std::size_t dx = 0; dx < kIn; ++dx) {
        // Unsigned: -1 wraps to a huge coordinate, outside as well.
        const std::size_t iy = y + dy - spec_.pad_top;
        const std::size_t ix = x + dx - 1;
        if (iy < height && ix < width) {
          std::copy_n(input + (iy * width + ix) * channels, channels, patch);
        } else {
          std::fill_n(patch, channels, 0.0f);
        }
        patch += channels;
      }
    }
  }

  /// M = V U for each of the 36 points. U is streamed once; a panel of it stays in the first-level
  /// cache while all tiles of the block pass.
  void multiply(const Blocking& b, std::size_t count, const float* v, float* m) const {
    const std::size_t channels = spec_.in_channels;
    const std::size_t outputs = padded_outputs(spec_);
    for (std::size_t point = 0; point < kPoints; ++point) {
      for (std::size_t o = 0; o < outputs; o += kTileColumns) {
        const float* panel = u_.get() + (point * outputs + o) * channels;
        float* target = m + point * m_row() + o;
        for_each_tile(count, [&](std::size_t first, std::size_t rows) {
          with_tile_rows(rows, [&]<std::size_t MR>() {
            multiply_tile<MR>(v + point * b.v_point + first * kRowFloats, b.v_block, panel,
                              channels, target + first * b.m_tile, b.m_tile);
          });
        });
      }
    }
  }

  template <std::size_t MR>
  static __attribute__((noinline)) void multiply_tile(const float* v, std::size_t v_block,
                                                      const float* panel, std::size_t channels,
                                                      float* m, std::size_t m_tile) {
    F32x4 acc[MR][2] = {};
    while (channels > kDepth) {
      accumulate_tile<MR>(v, kRowFloats, panel, kDepth, acc);
      v += v_block;
      channels -= kDepth;
    }
    accumulate_tile<MR>(v, kRowFloats, panel, channels, acc);
    for (std::size_t r = 0; r < MR; ++r) {
      simd::store(m + r * m_tile, acc[r][0]);
      simd::store(m + r * m_tile + 4, acc[r][1]);
    }
  }

  /// One tile of M to the 4x4 outputs at (y, x), or its 2x2 maxima; what leaves the map, of
  /// `height` rows, is dropped.
  void output_tile(const float* m, std::size_t height, std::size_t width, std::size_t y,
                   std::size_t x, bool pool, float* output) const {
    const std::size_t outputs = spec_.out_channels;
    const std::size_t step = pool ? 2 : 1;
    const std::size_t rows = std::min(kOut, height - y) / step;
    const std::size_t columns = std::min(kOut, width - x) / step;
    const std::size_t pitch = width / step * outputs;
    float* corner = output + y / step * pitch + x / step * outputs;
    for (std::size_t o = 0; o < outputs; o += simd::kLanes) {
      F32x4 half[kOut][kIn];  // transformed along y
      for (std::size_t i = 0; i < kIn; ++i) {
        F32x4 column[kIn];
        for (std::size_t j = 0; j < kIn; ++j) {
          column[j] = simd::load(m + (j * kIn + i) * m_row() + o);
        }
        F32x4 t[kOut];
        transform_output(column, t);
        for (std::size_t j = 0; j < kOut; ++j) half[j][i] = t[j];
      }
      const F32x4 bias = simd::load(bias_.get() + o);
      F32x4 tile[kOut][kOut];
      for (std::size_t j = 0; j < kOut; ++j) {
        transform_output(half[j], tile[j]);
        for (F32x4& value : tile[j]) {
          value += bias;
          if (spec_.relu) value = simd::relu(value);
        }
      }
      const std::size_t lanes = std::min<std::size_t>(simd::kLanes, outputs - o);
      for (std::size_t j = 0; j < rows; ++j) {
        for (std::size_t i = 0; i < columns; ++i) {
          F32x4 value = tile[j][i];
          if (pool) {
            value = simd::max(simd::max(tile[2 * j][2 * i], tile[2 * j][2 * i + 1]),
                              simd::max(tile[2 * j + 1][2 * i], tile[2 * j + 1][2 * i + 1]));
          }
          store_lanes(corner + j * pitch + i * outputs + o, value, lanes);
        }
      }
    }
  }

  AlignedArray<float> u_;     // [36][O / 8][C][8], the transformed weights
  AlignedArray<float> bias_;  // [O rounded up to 8]
};

/// U = G g G^T, packed into panels of 8 output channels. A panel is transformed at a time, so that
/// each of the 36 matrices, which lie far apart, is written 32 bytes at a time.
Result<AlignedArray<float>> pack_weights(const Conv3x3Spec& spec, const float* weight) {
  const std::size_t channels = spec.in_channels;
  const std::size_t outputs = WinogradConv3x3::padded_outputs(spec);
  GRADCAM_TRY(AlignedArray<float> u, allocate_array<float>(kPoints * outputs * channels));
  for (std::size_t first = 0; first < outputs; first += kTileColumns) {
    const std::size_t lanes = std::min(kTileColumns, spec.out_channels - first);
    for (std::size_t c = 0; c < channels; ++c) {
      std::array<std::array<Panel, 3>, 3> taps{};  // zero where the panel has no output channel
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const float* kernel = weight + (first + lane) * 9 * channels + c;
        for (std::size_t y = 0; y < 3; ++y) {
          for (std::size_t x = 0; x < 3; ++x) taps[y][x][lane] = kernel[(y * 3 + x) * channels];
        }
      }
      std::array<std::array<Panel, kIn>, 3> rows;
      for (std::size_t y = 0; y < 3; ++y) {
        transform_taps(taps[y][0], taps[y][1], taps[y][2], rows[y]);
      }
      for (std::size_t x = 0; x < kIn; ++x) {
        std::array<Panel, kIn> column;
        transform_taps(rows[0][x], rows[1][x], rows[2][x], column);
        for (std::size_t y = 0; y < kIn; ++y) {
          float* target = u.get() + ((y * kIn + x) * outputs + first) * channels + c * kTileColumns;
          std::ranges::transform(column[y], target,
                                 [](double value) { return static_cast<float>(value); });
        }
      }
    }
  }
  return u;
}

}  // namespace

Result<std::unique_ptr<Conv3x3>> make_winograd_conv3x3(const Conv3x3Spec& spec, const float* weight,
                                                       const float* bias) {
  GRADCAM_TRY(AlignedArray<float> u, pack_weights(spec, weight));
  GRADCAM_TRY(AlignedArray<float> biases,
              allocate_array<float>(WinogradConv3x3::padded_outputs(spec)));
  std::copy_n(bias, spec.out_channels, biases.get());
  return std::make_unique<WinogradConv3x3>(spec, std::move(u), std::move(biases));
}

}  // namespace gradcam
