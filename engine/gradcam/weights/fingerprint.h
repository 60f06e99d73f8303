#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gradcam {

/// Tells contents apart that differ by accident, not by malice: FNV-1a of 64 bits (Fowler, Noll and
/// Vo, http://www.isthe.com/chongo/tech/comp/fnv/). The same on every machine: files name each
/// other by it.
class Fingerprint {
 public:
  void add(std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) mix(byte);
  }

  /// Adds text and its end, so that "ab", "c" differs from "a", "bc".
  void add(std::string_view text) {
    for (const char c : text) mix(static_cast<unsigned char>(c));
    mix(0);
  }

  void add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) mix(number >> shift & 0xFF);
  }

  /// Adds a byte; or more at a time, which is not the same as byte by byte, but faster.
  void mix(std::uint64_t word) { value_ = (value_ ^ word) * 0x100000001B3; }

  std::uint64_t value() const { return value_; }

  /// 16 lower-case hexadecimal digits.
  std::string hex() const {
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[value_ >> shift & 0xF];
    return text;
  }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325;
};

}  // namespace gradcam
