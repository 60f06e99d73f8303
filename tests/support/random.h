#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gradcam/tensor/random.h"

namespace gradcam::testing {

/// Random numbers that are the same everywhere; the library's own Random is another generator.
class RandomFloats {
 public:
  explicit RandomFloats(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() { return splitmix64(state_++ << 20); }

  /// Uniform in [-1, 1).
  float uniform() { return static_cast<float>(bits() >> 40) * 0x1p-23f - 1.0f; }

  /// `count` values, uniform in [-scale, scale).
  std::vector<float> uniform(std::size_t count, float scale = 1) {
    std::vector<float> values(count);
    for (float& value : values) value = uniform() * scale;
    return values;
  }

 private:
  std::uint64_t state_;
};

}  // namespace gradcam::testing
