#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "gradcam/weights/safetensors.h"

namespace gradcam::testing {

/// A file with this header text and `data_size` zero bytes of data.
inline std::vector<std::uint8_t> make_file(std::string_view json, std::size_t data_size) {
  std::vector<std::uint8_t> file;
  for (std::size_t i = 0; i < 8; ++i) {
    file.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(json.size()) >> 8 * i));
  }
  file.insert(file.end(), json.begin(), json.end());
  file.resize(file.size() + data_size);
  return file;
}

inline Result<SafetensorsHeader> parse_file(const std::vector<std::uint8_t>& file) {
  return parse_safetensors_header(file, file.size());
}

}  // namespace gradcam::testing
