#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/tensor/error.h"
#include "gradcam/weights/safetensors.h"

namespace gradcam {

/// The size of a file of that name which lies beside the one that is read; nothing if none does.
using FindBeside = std::function<std::optional<std::uint64_t>(const std::string& name)>;

/// What is known of a file that is elsewhere. Readers of formats that jump about in a file need no
/// I/O this way: where they read what is not there yet they fail, whoever has the file provides
/// what is lacking, and they start again from the beginning.
class Window {
 public:
  explicit Window(std::uint64_t file_bytes, FindBeside find_beside = {})
      : file_bytes_(file_bytes), find_beside_(std::move(find_beside)) {}

  std::uint64_t file_bytes() const { return file_bytes_; }

  /// Where the bytes of another file are, which has the weights: behind those of this one, as if
  /// the two were one. kUnsupportedFormat if there is none of that name, or a third one.
  Result<FileRange> beside(const std::string& name);

  /// Of both files.
  std::uint64_t all_bytes() const { return file_bytes_ + bytes_beside_; }

  /// So many bytes from `offset` on. An error if the file ends before, if they are too many for a
  /// description of weights, or if they are lacking.
  Result<std::vector<std::uint8_t>> read(std::uint64_t offset, std::uint64_t count);

  /// What the last `read` lacked, if that is why it failed.
  std::optional<FileRange> lacking() const { return lacking_; }

  /// Takes the bytes that are lacking; kInvalidArgument if they are not as many.
  Result<void> provide(std::span<const std::uint8_t> bytes);

 private:
  std::uint64_t file_bytes_;
  FindBeside find_beside_;
  std::string name_beside_;
  std::uint64_t bytes_beside_ = 0;
  std::map<std::uint64_t, std::vector<std::uint8_t>> blocks_;
  std::optional<FileRange> lacking_;
};

/// Little-endian numbers and texts, one after another. What reaches past the end is zeros, or
/// empty, and noted.
class Cursor {
 public:
  explicit Cursor(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  std::uint64_t uint(std::size_t width);
  std::string text(std::uint64_t bytes);
  void skip(std::uint64_t bytes) { take(bytes); }

  std::size_t at() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }
  /// Whether something reached past the end.
  bool failed() const { return failed_; }

 private:
  std::span<const std::uint8_t> take(std::uint64_t count);

  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace gradcam
