#pragma once

#include <algorithm>
#include <cstddef>

/// How tiles of the output cover a map. With large ones alone, which multiply least for each
/// output, much is computed beyond its edges: for 28 rows in tiles of 6, two rows of 30. The last
/// tiles are two shorter where that takes fewer multiplications. They have the same points but two,
/// so that they are multiplied together with the large ones, with the same weights.
namespace gradcam::winograd {

/// The tiles along one axis, `side` long, then `side - 2`.
struct Cover {
  std::size_t side = 0;
  std::size_t large = 0;
  std::size_t small = 0;

  std::size_t tiles() const { return large + small; }
  std::size_t points() const { return large * (side + 2) + small * side; }

  /// Outputs of a tile, and the first of them.
  std::size_t length(std::size_t tile) const { return tile < large ? side : side - 2; }
  std::size_t first(std::size_t tile) const {
    return std::min(tile, large) * side + (tile - std::min(tile, large)) * (side - 2);
  }
};

/// As has the fewest points for so many outputs. Three small tiles never do: two large ones, or for
/// a side of 4 one and a small one, are as long.
inline Cover cover(std::size_t outputs, std::size_t side) {
  Cover best;
  for (std::size_t small = 0; small < 3; ++small) {
    const std::size_t rest = outputs - std::min(outputs, small * (side - 2));
    const Cover next = {.side = side, .large = (rest + side - 1) / side, .small = small};
    if (small == 0 || next.points() < best.points()) best = next;
  }
  return best;
}

/// The tiles of a map, in such an order that those which have a point follow one another: in
/// columns of large tiles the rows of small ones come first, in columns of small ones they come
/// last.
class Tiling {
 public:
  Tiling() = default;
  Tiling(std::size_t rows, std::size_t columns, std::size_t side)
      : y_(cover(rows, side)), x_(cover(columns, side)) {}

  std::size_t tiles() const { return y_.tiles() * x_.tiles(); }

  /// The outputs of a tile, of which some may lie beyond the map.
  struct Tile {
    std::size_t y;
    std::size_t x;
    std::size_t rows;
    std::size_t columns;
  };
  Tile tile(std::size_t index) const {
    const std::size_t in_large_columns = y_.tiles() * x_.large;
    if (index < in_large_columns) {
      const std::size_t row = index / x_.large;
      return at(row < y_.small ? y_.large + row : row - y_.small, index % x_.large);
    }
    const std::size_t rest = index - in_large_columns;
    return at(rest / x_.small, x_.large + rest % x_.small);
  }

  /// The tiles that have the point (y, x): from `first` on, up to `end`.
  struct Range {
    std::size_t first;
    std::size_t end;
  };
  Range with_point(std::size_t y, std::size_t x) const {
    Range range = {0, tiles()};
    if (is_of_large_tiles(y, y_.side)) {
      range = {y_.small * x_.large, y_.small * x_.large + y_.large * x_.tiles()};
    }
    if (is_of_large_tiles(x, x_.side)) range.end = std::min(range.end, y_.tiles() * x_.large);
    return range;
  }

 private:
  Tile at(std::size_t row, std::size_t column) const {
    return {y_.first(row), x_.first(column), y_.length(row), x_.length(column)};
  }

  static bool is_of_large_tiles(std::size_t point, std::size_t side) {
    return point == side || point + 1 == side;
  }

  Cover y_;
  Cover x_;
};

}  // namespace gradcam::winograd
