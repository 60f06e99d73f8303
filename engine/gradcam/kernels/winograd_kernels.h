#pragma once

#include <array>
#include <cstddef>

/// The inner loops of Winograd's F(side x side, 3x3), as conv3x3_winograd.cpp uses them, for tiles
/// of side 4 and 6. They are written once, in winograd_kernels.inc, and compiled for each kind of
/// processor that is worth it. A tile of the input has side + 2 rows and columns; the points are
/// its (side + 2)^2 numbers, transformed.
namespace gradcam::winograd {

// V is cut into blocks of 64 channels, so that the distance of its rows is a constant that the
// compiler puts into the loads. The pads keep rows of equal index out of one another's cache sets.
inline constexpr std::size_t kDepth = 64;
inline constexpr std::size_t kRowFloats = kDepth + 4;
inline constexpr std::size_t kTapFloats = kDepth + 4;

/// Some channels of the weights of eight outputs on their way into a panel of U, U = G g G^T.
struct WeightTile {
  const float* g;        ///< [8 outputs][3][3][kTapFloats]
  std::size_t channels;  ///< 1 to 64
  float* panel;          ///< [channels][8], of the first point
  std::size_t u_point;   ///< floats from one point to the next
};

/// A tile of the input on its way into V.
struct InputTile {
  const float* source;   ///< may be read up to the next multiple of 4 channels
  std::size_t row;       ///< floats from one of its rows to the next
  std::size_t channels;  ///< floats from one pixel to the next
  float* v;              ///< the tile's row of V's first matrix
  std::size_t v_point;   ///< floats from one point to the next
  std::size_t v_block;   ///< floats from one block of 64 channels to the next
};

/// What a block of channels of a point's V and a panel of that of U make of each other.
struct PanelProduct {
  const float* v;  ///< [tiles][kRowFloats]
  std::size_t tiles;
  const float* panel;    ///< [channels][8]
  const float* ahead;    ///< the next panel, to be fetched meanwhile, or null
  std::size_t channels;  ///< 1 to 64
  bool add;              ///< to what is in M already
  float* m;              ///< eight outputs of the first tile
  std::size_t m_tile;    ///< floats from one tile to the next
};

/// A tile of M on its way to the outputs, or their 2x2 maxima.
struct OutputTile {
  const float* m;       ///< the tile's row of M's first matrix
  std::size_t m_point;  ///< floats from one point to the next
  const float* bias;
  std::size_t outputs;  ///< channels
  std::size_t pixel;    ///< floats from one pixel of the output to the next
  bool relu;
  bool pool;
  std::size_t rows;     ///< of the output, at most the side, or half of it with pooling
  std::size_t columns;  ///< the same across
  float* corner;        ///< the output's first pixel
  std::size_t pitch;    ///< floats from one of its rows to the next
};

/// Of the side + 2 points along an axis, that of number `index` of a tile with `length` outputs
/// there, side or side - 2: a smaller tile lacks the two points before the last, infinity.
constexpr std::size_t point_of(std::size_t side, std::size_t length, std::size_t index) {
  return index == length + 1 ? side + 1 : index;
}

/// What a tile's size makes another function: by rows and columns, both side; side and side - 2;
/// side - 2 and side; both side - 2.
template <class Function>
using BySize = std::array<Function*, 4>;

struct Kernels {
  std::size_t side;  ///< of a large tile of the output: 4 or 6
  void (*weight_tile)(const WeightTile& tile);
  BySize<void(const InputTile& tile)> input_tile;
  void (*multiply_panel)(const PanelProduct& product);
  BySize<void(const OutputTile& tile)> output_tile;
};

#if defined(__x86_64__)
/// These run only where `has_avx2()`.
extern const Kernels kAvx2F4;
extern const Kernels kAvx2F6;
#endif

}  // namespace gradcam::winograd
