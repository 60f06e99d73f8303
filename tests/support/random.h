#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gradcam::testing {

/// One output of splitmix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators",
/// 2014) for the given state.
constexpr std::uint64_t splitmix64(std::uint64_t state) {
  std::uint64_t z = state + 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

/// Random numbers that are the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

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
