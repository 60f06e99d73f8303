#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gradcam/tensor/error.h"
#include "gradcam/tensor/tensor.h"

/// The safetensors container (https://github.com/huggingface/safetensors, "Format"): eight bytes
/// of little-endian header length N, N bytes of JSON, then one buffer holding every tensor.
///
/// Nothing here does I/O. A caller with a large file reads 8 bytes, asks
/// `safetensors_header_bytes` how much more it needs, hands that to `parse_safetensors_header`,
/// and then reads each tensor's bytes by range: `data_offset + begin` to `data_offset + end`.
/// Offsets are 64-bit on every target, so files beyond 4 GiB are addressed from wasm32 as well.
namespace gradcam {

/// The element types of the specification. The engine computes with few of them
/// (`weights/to_float.h`), but a header naming any other is still a valid header.
enum class DType {
  kBool,
  kF4,
  kF6E2M3,
  kF6E3M2,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kF8E8M0,
  kF8E4M3Fnuz,
  kF8E5M2Fnuz,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kC64,
  kF64,
  kI64,
  kU64,
};

/// The name in the file: "F32", "BF16", "I8", ...
std::string_view dtype_name(DType dtype);

/// Bits an element takes; 4 or 6 for the types that are packed across byte boundaries.
std::size_t dtype_bits(DType dtype);

/// Bytes an element takes; 0 for the packed types, whose elements have no address.
inline std::size_t dtype_size(DType dtype) { return dtype_bits(dtype) / 8; }

/// One entry of the header. Data is C-ordered and little-endian; `begin` and `end` (one past the
/// last) are byte offsets into the data buffer, not into the file.
struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// About how many bytes of a file are read or made at a time.
inline constexpr std::size_t kPieceBytes = 4 << 20;

/// A part of a file, as offsets from its beginning.
struct FileRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// A checked header: the tensors tile the data buffer, and the data buffer ends with the file.
struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;              ///< In the order of their data.
  std::map<std::string, std::string> metadata;  ///< The `__metadata__` entry, empty if absent.
  std::uint64_t data_offset = 0;                ///< Where in the file the data buffer begins.

  /// The tensor of that name, or null.
  const TensorInfo* find(std::string_view name) const;
};

/// The format's own limit on the JSON header, in bytes.
inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;

/// Our limits, far above any model this engine runs: entries of a header (tensors and metadata
/// together) and dimensions of a tensor. They bound the memory that a hostile header can claim.
inline constexpr std::size_t kMaxSafetensorsEntries = 65'536;
inline constexpr std::size_t kMaxSafetensorsRank = 64;

/// How many bytes from the start of the file hold the whole header (8 + N). `first_bytes` must
/// hold at least the first 8 bytes. kCorruptModel if the file is shorter than that, or if N
/// exceeds the file or the format's limit.
Result<std::uint64_t> safetensors_header_bytes(std::span<const std::uint8_t> first_bytes,
                                               std::uint64_t file_size);

/// Parses and checks the header of a file of `file_size` bytes. `header_bytes` begins at the start
/// of the file and holds at least `safetensors_header_bytes` of it (more is ignored, so the whole
/// file is fine).
///
/// Refused with kCorruptModel: a header that is not a JSON object of the specified form (fields
/// unknown, repeated, missing or of a wrong type), a name that occurs twice, an unknown element
/// type, a shape whose size overflows or differs from its byte range, and byte ranges that
/// overlap, leave a hole or do not end exactly with the file.
Result<SafetensorsHeader> parse_safetensors_header(std::span<const std::uint8_t> header_bytes,
                                                   std::uint64_t file_size);

/// Sets `begin` and `end` so that the tensors' data follow one another in the given order.
/// kInvalidArgument for a tensor whose size overflows or is no whole number of bytes.
Result<void> assign_offsets(std::span<TensorInfo> tensors);

/// The beginning of a file up to its data buffer: length prefix and JSON, padded with spaces to a
/// multiple of 8 as the format's own writer does. Tensors are written in the given order with the
/// offsets they carry; names must be distinct. Text that is not UTF-8 is replaced, not rejected.
std::vector<std::uint8_t> serialize_safetensors_header(
    const std::vector<TensorInfo>& tensors, const std::map<std::string, std::string>& metadata);

}  // namespace gradcam
