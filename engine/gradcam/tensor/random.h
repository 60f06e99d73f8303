#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

namespace gradcam {

/// By how much splitmix64's state grows from one output to the next.
inline constexpr std::uint64_t kSplitmix64Step = 0x9E3779B97F4A7C15;

/// One output of splitmix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
/// Generators", 2014) for the given state.
constexpr std::uint64_t splitmix64(std::uint64_t state) {
  std::uint64_t z = state + kSplitmix64Step;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

/// Random numbers one after another, always the same for a seed.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}

  /// A number below `end`.
  constexpr std::size_t below(std::size_t end) {
    return static_cast<std::size_t>(splitmix64(std::exchange(state_, state_ + kSplitmix64Step)) %
                                    end);
  }

 private:
  std::uint64_t state_;
};

/// Fisher and Yates' shuffle of n things: calls swap(i, j) so that all n! orders are as likely.
/// below(i) is a random number below i.
template <class Below, class Swap>
void shuffle_by(std::size_t n, Below&& below, Swap&& swap) {
  for (std::size_t i = n; i > 1; --i) swap(i - 1, below(i));
}

template <class Swap>
void shuffle(std::size_t n, Random& random, Swap&& swap) {
  shuffle_by(n, [&random](std::size_t end) { return random.below(end); }, swap);
}

/// What the numbers of a run are for; each purpose has numbers of its own.
enum class RandomPurpose : std::uint64_t { kInit, kSplit, kOrder, kView, kDropout, kNoise };

/// Random numbers that have no state: number 0, 1, 2, ... of a place (seed, purpose, step, layer)
/// is always the same, so a run that is interrupted goes on with the numbers that it would have
/// had.
class RandomStream {
 public:
  constexpr RandomStream(std::uint64_t seed, RandomPurpose purpose, std::uint64_t a,
                         std::uint64_t b = 0)
      : key_(splitmix64(
            splitmix64(splitmix64(splitmix64(seed) + static_cast<std::uint64_t>(purpose)) + a) +
            b)) {}

  constexpr std::uint64_t bits(std::uint64_t index) const { return splitmix64(key_ + index); }

  /// 0 to 2^24 - 1.
  constexpr std::uint32_t bits24(std::uint64_t index) const {
    return static_cast<std::uint32_t>(bits(index) >> 40);
  }

  /// 0 to limit - 1.
  constexpr std::size_t below(std::uint64_t index, std::size_t limit) const {
    return static_cast<std::size_t>(bits(index) % limit);
  }

  /// Normal with mean 0 and variance 1 (Box and Muller, 1958).
  double normal(std::uint64_t index) const {
    const double u = (bits24(2 * index) + 0.5) * 0x1p-24;
    const double v = bits24(2 * index + 1) * 0x1p-24;
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
  }

  template <class T>
  void shuffle(std::vector<T>& values) const {
    shuffle_by(
        values.size(), [this](std::size_t end) { return below(end, end); },
        [&values](std::size_t i, std::size_t j) { std::swap(values[i], values[j]); });
  }

 private:
  std::uint64_t key_;
};

}  // namespace gradcam
