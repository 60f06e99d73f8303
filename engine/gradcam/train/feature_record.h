#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gradcam/tensor/error.h"

namespace gradcam {

/// Features as the cache keeps them: a magic number, the key they belong to, their number, a
/// checksum, and the values in little-endian float32.
std::vector<std::uint8_t> serialize_features(std::uint64_t key, std::span<const float> features);

/// The inverse. kCorruptModel for a record that is damaged, cut short, or of another key or number
/// of features; then they are to be computed again.
Result<void> parse_features(std::span<const std::uint8_t> record, std::uint64_t key,
                            std::span<float> features);

}  // namespace gradcam
