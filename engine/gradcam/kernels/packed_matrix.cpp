#include "gradcam/kernels/packed_matrix.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "gradcam/kernels/gemm_tile.h"
#include "gradcam/kernels/live_rows.h"
#include "gradcam/kernels/row_pitch.h"
#include "gradcam/kernels/simd.h"

namespace gradcam {
namespace {

// Rows and columns of W that are packed at a time: they, and what they add to for a dozen rows of
// x, fit into the first-level cache.
constexpr std::size_t kWeightRows = 16;
constexpr std::size_t kColumns = 256;
// Rows of x at a time, whose sums are kept beside x.
constexpr std::size_t kMostRows = 64;

/// Some neighbouring columns of W, at most kColumns, and which of them are multiplied.
struct Columns {
  std::size_t first;
  std::size_t count;
  // From the first on. What the last panel lacks is filled up with the last of them.
  std::vector<std::uint16_t> picked;
  std::size_t picks;  // without those that fill up
  std::size_t sums;   // where theirs begin in a row of sums
};

/// Columns that are not multiplied at all are left out.
std::vector<Columns> pick_columns(std::size_t inputs, const float* where) {
  std::vector<Columns> all;
  std::size_t sums = 0;
  for (std::size_t first = 0; first < inputs; first += kColumns) {
    Columns some{first, std::min(kColumns, inputs - first), {}, 0, sums};
    for (std::size_t c = 0; c < some.count; ++c) {
      if (where != nullptr && where[first + c] == 0.0f) continue;
      some.picked.push_back(static_cast<std::uint16_t>(c));
    }
    some.picks = some.picked.size();
    if (some.picks == 0) continue;
    some.picked.resize(whole_panels(some.picks), some.picked.back());
    sums += some.picked.size();
    all.push_back(std::move(some));
  }
  return all;
}

/// Packs the columns picked of kWeightRows rows in panels, as accumulate_tile wants them. `w` are
/// the rows from the first of the neighbours on.
void pack(const float* const (&w)[kWeightRows], const Columns& columns, float* panels) {
  constexpr std::size_t kPanel = kWeightRows * kTileColumns;
  const std::size_t count = columns.picked.size();
  if (columns.picks == columns.count && columns.picks == count) {
    for (std::size_t k = 0; k < kWeightRows; ++k) {
      float* to = panels + k * kTileColumns;
      for (std::size_t c = 0; c < count; c += kTileColumns, to += kPanel) {
        simd::store(to, simd::load(w[k] + c));
        simd::store(to + simd::kLanes, simd::load(w[k] + c + simd::kLanes));
      }
    }
    return;
  }
  // Four rows at a time: so a column's place is read once for all of them.
  for (std::size_t k = 0; k < kWeightRows; k += 4) {
    const float* const four[] = {w[k], w[k + 1], w[k + 2], w[k + 3]};
    float* to = panels + k * kTileColumns;
    const std::uint16_t* pick = columns.picked.data();
    for (std::size_t c = 0; c < count; c += kTileColumns, to += kPanel) {
      for (std::size_t i = 0; i < kTileColumns; ++i, ++pick) {
        to[i] = four[0][*pick];
        to[kTileColumns + i] = four[1][*pick];
        to[2 * kTileColumns + i] = four[2][*pick];
        to[3 * kTileColumns + i] = four[3][*pick];
      }
    }
  }
}

/// sums[r, .] += sum over k of factors[r, k] times row k of the panels, for MR rows of sums, which
/// are `pitch` apart.
template <std::size_t MR>
__attribute__((noinline)) void add_rows(const float* panels, std::size_t columns,
                                        const float* factors, float* sums, std::size_t pitch) {
  for (std::size_t c = 0; c < columns; c += kTileColumns) {
    simd::F32x4 acc[MR][2];
    for (std::size_t r = 0; r < MR; ++r) {
      acc[r][0] = simd::load(sums + r * pitch + c);
      acc[r][1] = simd::load(sums + r * pitch + c + simd::kLanes);
    }
    accumulate_tile<MR>(factors, kWeightRows, panels, kWeightRows, acc);
    for (std::size_t r = 0; r < MR; ++r) {
      simd::store(sums + r * pitch + c, acc[r][0]);
      simd::store(sums + r * pitch + c + simd::kLanes, acc[r][1]);
    }
  }
}

/// The columns of x for some of its rows; the others are left as they are.
void multiply_columns(const PackedMatrix& matrix, std::span<const Columns> all, const float* y,
                      std::size_t rows, std::size_t outputs, float* x) {
  const std::size_t inputs = matrix.inputs;
  const std::size_t pitch = row_pitch(all.back().sums + all.back().picked.size());
  std::vector<float> sums(rows * pitch);
  std::vector<float> factors(rows * kWeightRows);
  std::vector<float> expanded(matrix.expand == nullptr ? 0 : kWeightRows * kColumns);
  alignas(64) float panels[kWeightRows * kColumns];
  for (std::size_t o = 0; o < outputs;) {
    const LiveRows<kWeightRows> live(y, rows, outputs, o);
    if (live.count == 0) break;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t k = 0; k < kWeightRows; ++k) {
        factors[r * kWeightRows + k] = k < live.count ? y[r * outputs + live.index[k]] : 0.0f;
      }
    }
    for (const Columns& columns : all) {
      const float* w[kWeightRows];
      for (std::size_t k = 0; k < kWeightRows; ++k) {
        if (matrix.expand == nullptr) {
          w[k] = static_cast<const float*>(matrix.values) + live.at(k) * inputs + columns.first;
        } else {
          float* row = expanded.data() + k * kColumns;
          matrix.expand(matrix, live.at(k), columns.first, columns.count, row);
          w[k] = row;
        }
      }
      pack(w, columns, panels);
      for_each_tile(rows, [&](std::size_t r, std::size_t tile_rows) {
        with_tile_rows(tile_rows, [&]<std::size_t MR>() {
          add_rows<MR>(panels, columns.picked.size(), &factors[r * kWeightRows],
                       &sums[r * pitch + columns.sums], pitch);
        });
      });
    }
  }
  for (std::size_t r = 0; r < rows; ++r) {
    for (const Columns& columns : all) {
      const float* sum = &sums[r * pitch + columns.sums];
      float* target = x + r * inputs + columns.first;
      for (std::size_t i = 0; i < columns.picks; ++i) target[columns.picked[i]] = sum[i];
    }
  }
}

}  // namespace

void multiply_transposed_by_tiles(const PackedMatrix& matrix, const float* y, std::size_t rows,
                                  std::size_t outputs, float* x, const float* where) {
  std::fill_n(x, rows * matrix.inputs, 0.0f);
  const std::vector<Columns> columns = pick_columns(matrix.inputs, where);
  if (columns.empty()) return;
  for (std::size_t r = 0; r < rows; r += kMostRows) {
    multiply_columns(matrix, columns, y + r * outputs, std::min(kMostRows, rows - r), outputs,
                     x + r * matrix.inputs);
  }
}

}  // namespace gradcam
