#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gradcam/tensor/tensor.h"
#include "gradcam/weights/safetensors.h"

namespace gradcam::testing {

/// Where a file of tests/oracle/fixtures is: "layers" -> ".../layers.safetensors".
std::string oracle_fixture(std::string_view name);

/// A safetensors file in memory, whose tensors a test can read, change and write back.
struct TensorFile {
  struct Entry {
    TensorInfo info;
    std::vector<std::uint8_t> bytes;
  };

  std::map<std::string, std::string> metadata;
  std::vector<Entry> entries;

  static Result<TensorFile> read(const std::string& path);

  Entry* find(std::string_view name);
  const Entry* find(std::string_view name) const;

  /// The float32 values of a tensor.
  Result<Tensor> tensor(std::string_view name) const;

  /// The int8 values of a tensor.
  Result<std::vector<std::int8_t>> int8(std::string_view name) const;

  /// The names' parts before their last '/', each once, of those that begin with `prefix`.
  std::vector<std::string> cases(std::string_view prefix) const;

  /// The file with the tensors as they are now, in the order of `entries`.
  Result<std::vector<std::uint8_t>> serialize() const;
};

}  // namespace gradcam::testing
