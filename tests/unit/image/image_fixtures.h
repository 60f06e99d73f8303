#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gradcam/image/decode.h"
#include "support/data_path.h"

namespace gradcam::testing {

/// A file of tests/fixtures/images, which tests/fixtures/make_images.py writes.
inline std::vector<std::uint8_t> fixture(const std::string& name) {
  std::ifstream file(data_path("fixtures/images/" + name), std::ios::binary);
  EXPECT_TRUE(file.is_open()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<float> float_fixture(const std::string& name) {
  const std::vector<std::uint8_t> bytes = fixture(name);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

inline nlohmann::json manifest() {
  const std::vector<std::uint8_t> bytes = fixture("manifest.json");
  return nlohmann::json::parse(bytes, nullptr, false);
}

inline Image decoded_fixture(const std::string& name) {
  auto image = decode_image(fixture(name));
  EXPECT_TRUE(image.has_value()) << name << ": " << (image ? "" : image.error().message);
  return image ? *std::move(image) : Image{};
}

/// The largest and the mean difference of two equally long pictures' values.
struct Difference {
  int largest = 0;
  double mean = 0;
};

inline Difference difference(const std::vector<std::uint8_t>& a,
                             const std::vector<std::uint8_t>& b) {
  EXPECT_EQ(a.size(), b.size());
  Difference result;
  if (a.size() != b.size() || a.empty()) return result;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const int apart = std::abs(a[i] - b[i]);
    result.largest = std::max(result.largest, apart);
    result.mean += apart;
  }
  result.mean /= static_cast<double>(a.size());
  return result;
}

}  // namespace gradcam::testing
