#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/import/importer.h"
#include "gradcam/weights/names.h"
#include "support/data_path.h"

/// The tiny VGG16 of tests/fixtures/models, and how tests import it.
namespace gradcam::testing {

inline constexpr std::array kForeignFiles = {
    "keras.h5",          "keras.keras",      "pytorch.pth", "pytorch_legacy.pth",
    "pytorch_script.pt", "pytorch_trace.pt", "pytorch.onnx"};

inline std::vector<std::uint8_t> foreign_file(const std::string& name) {
  std::ifstream file(data_path("fixtures/models/" + name), std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The new file, or the first error. It ends after 1 MB, which a damaged file may exceed.
/// beside: how many bytes, the last ones, are those of a second file.
inline Result<std::vector<std::uint8_t>> import_bytes(std::span<const std::uint8_t> file,
                                                      ImportOptions options = {},
                                                      std::size_t beside = 0) {
  constexpr std::size_t kMost = 1 << 20;
  ModelImporter importer(file.size() - beside, std::move(options));
  std::vector<std::uint8_t> out;
  while (const auto wanted = importer.wanted()) {
    EXPECT_LE(wanted->begin, wanted->end);
    EXPECT_LE(wanted->end, file.size());
    if (wanted->end > file.size() || wanted->begin > wanted->end) break;
    const auto bytes = file.subspan(static_cast<std::size_t>(wanted->begin),
                                    static_cast<std::size_t>(wanted->end - wanted->begin));
    GRADCAM_TRY(const auto next, importer.provide(bytes));
    out.insert(out.end(), next.begin(), next.end());
    if (out.size() > kMost) break;
  }
  return out;
}

inline constexpr std::array<std::size_t, 16> kTinyOutputs = {1, 2, 1, 2, 2, 1, 2, 2,
                                                             1, 2, 1, 2, 3, 4, 3, 2};
inline constexpr std::size_t kTinyGrid = 2;

/// The numbers of make_models.py.
inline float tiny_value(std::size_t layer, std::size_t output, std::size_t row, std::size_t column,
                        std::size_t input) {
  const std::size_t number = layer * 7 + output * 5 + row * 3 + column * 2 + input;
  return (static_cast<float>(number % 17) - 8) / 8;
}

/// A layer's weights, [O, rows, columns, I].
inline std::vector<float> tiny_weight(std::size_t layer) {
  const std::size_t inputs = layer == 0 ? 3 : kTinyOutputs[layer - 1];
  const std::size_t side = layer < kConvLayers ? 3 : layer == kFc1 ? kTinyGrid : 1;
  std::vector<float> values;
  for (std::size_t o = 0; o < kTinyOutputs[layer]; ++o) {
    for (std::size_t row = 0; row < side; ++row) {
      for (std::size_t column = 0; column < side; ++column) {
        for (std::size_t i = 0; i < inputs; ++i) {
          values.push_back(tiny_value(layer, o, row, column, i));
        }
      }
    }
  }
  return values;
}

}  // namespace gradcam::testing
