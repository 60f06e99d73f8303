#pragma once

#include <cstddef>

/// The inner loops of Winograd's F(4x4, 3x3), as conv3x3_winograd.cpp uses them. They are written
/// once, in winograd_kernels.inc, and compiled for each kind of processor that is worth it.
namespace gradcam::winograd {

inline constexpr std::size_t kOut = 4;  // side of an output tile
inline constexpr std::size_t kIn = 6;   // side of an input tile
inline constexpr std::size_t kPoints = kIn * kIn;

// V is cut into blocks of 64 channels, so that the distance of its rows is a constant that the
// compiler puts into the loads. The pads keep rows of equal index out of one another's cache sets.
inline constexpr std::size_t kDepth = 64;
inline constexpr std::size_t kRowFloats = kDepth + 4;

/// The weights of four output channels on their way into a panel of U, U = G g G^T.
struct WeightTile {
  const float* rows[4];  ///< [3][3][channels], readable up to 3 floats past the end
  std::size_t channels;
  float* u;             ///< the four's place in the panel, [channels][8], of the first of U's 36
  std::size_t u_point;  ///< floats from one of the 36 to the next
};

/// A 6x6 tile of the input on its way into V.
struct InputTile {
  const float* source;   ///< may be read up to the next multiple of 4 channels
  std::size_t row;       ///< floats from one of its rows to the next
  std::size_t channels;  ///< floats from one pixel to the next
  float* v;              ///< the tile's row of the first of V's 36 matrices
  std::size_t v_point;   ///< floats from one of the 36 to the next
  std::size_t v_block;   ///< floats from one block of 64 channels to the next
};

/// What one of V's 36 matrices and a panel of the same of U's make of each other.
struct PanelProduct {
  const float* v;       ///< [tiles][kRowFloats], for every 64 channels once
  std::size_t v_block;  ///< floats from one block of 64 channels to the next
  std::size_t tiles;
  const float* panel;    ///< [channels][8]
  const float* next;     ///< the panel that comes after it, or null
  std::size_t channels;  ///< at least 1
  float* m;              ///< eight outputs of the first tile
  std::size_t m_tile;    ///< floats from one tile to the next
};

/// A tile of M on its way to the 4x4 outputs, or their 2x2 maxima.
struct OutputTile {
  const float* m;       ///< the tile's row of the first of M's 36 matrices
  std::size_t m_point;  ///< floats from one of the 36 to the next
  const float* bias;
  std::size_t outputs;  ///< channels
  std::size_t pixel;    ///< floats from one pixel of the output to the next
  bool relu;
  bool pool;
  std::size_t rows;     ///< of the output, at most 4, or 2 with pooling
  std::size_t columns;  ///< the same across
  float* corner;        ///< the output's first pixel
  std::size_t pitch;    ///< floats from one of its rows to the next
};

struct Kernels {
  void (*weight_tile)(const WeightTile& tile);
  void (*input_tile)(const InputTile& tile);
  void (*multiply_panel)(const PanelProduct& product);
  void (*output_tile)(const OutputTile& tile);
};

#if defined(__x86_64__)
/// Whether this processor has AVX2 and FMA, without which kAvx2 must not run.
bool has_avx2();
extern const Kernels kAvx2;
#endif

}  // namespace gradcam::winograd
