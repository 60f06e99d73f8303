#include "gradcam/kernels/transpose.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "support/random.h"

namespace gradcam::testing {
namespace {

TEST(Transpose, TurnsAnySize) {
  RandomFloats random(21);
  // Lines of the cache and vectors that are full, or not, and more rows than are turned together.
  for (const auto& [rows, columns] : std::vector<std::array<std::size_t, 2>>{
           {1, 1}, {3, 5}, {16, 4}, {17, 9}, {64, 8}, {kTransposedRows + 21, 6}}) {
    SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(columns));
    const std::size_t from_pitch = columns + 2;
    const std::size_t to_pitch = rows + 3;
    const std::vector<float> from = random.uniform(rows * from_pitch);
    std::vector<float> to(columns * to_pitch, 7.0f);
    transpose(from.data(), rows, columns, from_pitch, to.data(), to_pitch);
    for (std::size_t c = 0; c < columns; ++c) {
      for (std::size_t r = 0; r < to_pitch; ++r) {
        const float expected = r < rows ? from[r * from_pitch + c] : 7.0f;
        ASSERT_EQ(to[c * to_pitch + r], expected) << r << ", " << c;
      }
    }
  }
}

}  // namespace
}  // namespace gradcam::testing
