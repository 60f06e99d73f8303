#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gradcam/import/window.h"
#include "gradcam/tensor/error.h"

namespace gradcam {

/// A field of a message in the wire format of Protocol Buffers.
struct ProtobufField {
  std::uint64_t number = 0;
  std::uint64_t value = 0;  ///< of a number
  FileRange bytes = {};     ///< where a text, a message or packed numbers are; else empty
};

/// A file of messages in messages (https://protobuf.dev/programming-guides/encoding), of which only
/// the fields are read that lead to what is asked for: a message may be far larger than memory.
class Protobuf {
 public:
  explicit Protobuf(Window& window) : window_(&window) {}

  FileRange file() const { return {0, window_->file_bytes()}; }

  /// The fields of a message, in their order, which are added to those that have been read before:
  /// kCorruptModel if all together are more than any VGG16 has, or if they do not fit into the
  /// message.
  Result<std::vector<ProtobufField>> fields(FileRange message);

  /// A name, say: kCorruptModel if it is too long for one.
  Result<std::string> text(FileRange bytes);

  /// Packed numbers; kCorruptModel if they are too many for sides or axes.
  Result<std::vector<std::int64_t>> packed(FileRange bytes);

 private:
  Result<ProtobufField> next(std::uint64_t& at, std::uint64_t end);

  Window* window_;
  std::size_t read_ = 0;
};

}  // namespace gradcam
