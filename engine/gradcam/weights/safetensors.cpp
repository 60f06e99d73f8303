#include "gradcam/weights/safetensors.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "gradcam/tensor/text.h"
#include "gradcam/weights/header_reader.h"

namespace gradcam {
namespace {

using internal::quote;

constexpr std::uint64_t kLengthBytes = 8;

struct DTypeRow {
  DType dtype;
  std::string_view name;
  std::size_t bits;
};

constexpr std::array kDTypes = {
    DTypeRow{DType::kBool, "BOOL", 8},
    DTypeRow{DType::kF4, "F4", 4},
    DTypeRow{DType::kF6E2M3, "F6_E2M3", 6},
    DTypeRow{DType::kF6E3M2, "F6_E3M2", 6},
    DTypeRow{DType::kU8, "U8", 8},
    DTypeRow{DType::kI8, "I8", 8},
    DTypeRow{DType::kF8E5M2, "F8_E5M2", 8},
    DTypeRow{DType::kF8E4M3, "F8_E4M3", 8},
    DTypeRow{DType::kF8E8M0, "F8_E8M0", 8},
    DTypeRow{DType::kF8E4M3Fnuz, "F8_E4M3FNUZ", 8},
    DTypeRow{DType::kF8E5M2Fnuz, "F8_E5M2FNUZ", 8},
    DTypeRow{DType::kI16, "I16", 16},
    DTypeRow{DType::kU16, "U16", 16},
    DTypeRow{DType::kF16, "F16", 16},
    DTypeRow{DType::kBF16, "BF16", 16},
    DTypeRow{DType::kI32, "I32", 32},
    DTypeRow{DType::kU32, "U32", 32},
    DTypeRow{DType::kF32, "F32", 32},
    DTypeRow{DType::kC64, "C64", 64},
    DTypeRow{DType::kF64, "F64", 64},
    DTypeRow{DType::kI64, "I64", 64},
    DTypeRow{DType::kU64, "U64", 64},
};

constexpr bool rows_follow_the_enum() {
  for (std::size_t i = 0; i < kDTypes.size(); ++i) {
    if (static_cast<std::size_t>(kDTypes[i].dtype) != i) return false;
  }
  return true;
}
static_assert(rows_follow_the_enum());

// Bytes of a tensor's data; nothing if that overflows or is no whole number of bytes.
std::optional<std::uint64_t> byte_size(const Shape& shape, DType dtype) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t bits = dtype_bits(dtype);
  for (const std::size_t dim : shape) {
    if (dim != 0 && bits > kMax / dim) return std::nullopt;
    bits *= dim;
  }
  if (bits % 8 != 0) return std::nullopt;
  return bits / 8;
}

std::string describe(const TensorInfo& tensor) {
  std::string text = "the tensor ";
  text += quote(tensor.name);
  return text;
}

// Sorts the tensors by offset and checks that each has the size of its shape and that together
// they tile a data buffer of `data_size` bytes.
Result<void> check_tiling(std::vector<TensorInfo>& tensors, std::uint64_t data_size) {
  const auto corrupt = [](const TensorInfo& tensor, const std::string& fault) {
    return fail(ErrorCode::kCorruptModel, describe(tensor) + fault);
  };
  std::ranges::sort(tensors, {}, [](const TensorInfo& t) { return std::pair(t.begin, t.end); });
  std::uint64_t expected = 0;
  for (const TensorInfo& tensor : tensors) {
    const std::string range =
        " (bytes " + std::to_string(tensor.begin) + " to " + std::to_string(tensor.end) + ")";
    if (tensor.end < tensor.begin) {
      return corrupt(tensor, " ends before it begins" + range);
    }
    if (tensor.begin < expected) {
      return corrupt(tensor, range + " overlaps the tensor before it");
    }
    if (tensor.begin > expected) {
      return corrupt(tensor, range + " leaves a hole in the data, which continues at byte " +
                                 std::to_string(expected));
    }
    const std::optional<std::uint64_t> size = byte_size(tensor.shape, tensor.dtype);
    if (!size) {
      return corrupt(tensor, " has an impossible size: " + std::string(dtype_name(tensor.dtype)) +
                                 " of shape " + to_string(tensor.shape));
    }
    if (*size != tensor.end - tensor.begin) {
      return corrupt(tensor, " takes " + std::to_string(tensor.end - tensor.begin) +
                                 " bytes, but " + std::string(dtype_name(tensor.dtype)) +
                                 " of shape " + to_string(tensor.shape) + " needs " +
                                 std::to_string(*size));
    }
    if (tensor.end > data_size) {
      return corrupt(tensor, range + " lies beyond the end of the file, which holds " +
                                 std::to_string(data_size) + " bytes of data: it is truncated");
    }
    expected = tensor.end;
  }
  if (expected != data_size) {
    return fail(ErrorCode::kCorruptModel, "the file holds " + std::to_string(data_size) +
                                              " bytes of data, but its tensors end at byte " +
                                              std::to_string(expected));
  }
  return {};
}

}  // namespace

std::string_view dtype_name(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)].name; }

std::size_t dtype_bits(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)].bits; }

std::optional<DType> internal::dtype_from_name(std::string_view name) {
  const auto row = std::ranges::find(kDTypes, name, &DTypeRow::name);
  if (row == kDTypes.end()) return std::nullopt;
  return row->dtype;
}

const TensorInfo* SafetensorsHeader::find(std::string_view name) const {
  const auto tensor = std::ranges::find(tensors, name, &TensorInfo::name);
  return tensor == tensors.end() ? nullptr : &*tensor;
}

Result<std::uint64_t> safetensors_header_bytes(std::span<const std::uint8_t> first_bytes,
                                               std::uint64_t file_size) {
  if (file_size == 0) return fail(ErrorCode::kCorruptModel, "the file is empty");
  if (file_size < kLengthBytes || first_bytes.size() < kLengthBytes) {
    return fail(ErrorCode::kCorruptModel,
                "the file is too short for a safetensors file, which begins with 8 bytes of "
                "header length");
  }
  std::uint64_t length = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) length = length << 8 | first_bytes[i];
  if (length > kMaxSafetensorsHeader) {
    return fail(ErrorCode::kCorruptModel,
                "this is no safetensors file: its first 8 bytes, the length of a header, say " +
                    std::to_string(length) + ", where at most " +
                    std::to_string(kMaxSafetensorsHeader) + " are allowed");
  }
  if (length > file_size - kLengthBytes) {
    return fail(ErrorCode::kCorruptModel,
                "the header claims " + std::to_string(length) + " bytes, but only " +
                    std::to_string(file_size - kLengthBytes) + " follow in the file");
  }
  return kLengthBytes + length;
}

Result<SafetensorsHeader> parse_safetensors_header(std::span<const std::uint8_t> header_bytes,
                                                   std::uint64_t file_size) {
  GRADCAM_TRY(const std::uint64_t data_offset, safetensors_header_bytes(header_bytes, file_size));
  if (header_bytes.size() < data_offset) {
    return fail(ErrorCode::kInvalidArgument,
                "the header takes " + std::to_string(data_offset) + " bytes, but only " +
                    std::to_string(header_bytes.size()) + " were given");
  }
  const auto json =
      header_bytes.subspan(kLengthBytes, static_cast<std::size_t>(data_offset - kLengthBytes));
  GRADCAM_TRY(SafetensorsHeader header, internal::read_header_json(json));
  header.data_offset = data_offset;
  GRADCAM_CHECK_OK(check_tiling(header.tensors, file_size - data_offset));
  return header;
}

Result<void> assign_offsets(std::span<TensorInfo> tensors) {
  std::uint64_t offset = 0;
  for (TensorInfo& tensor : tensors) {
    const std::optional<std::uint64_t> size = byte_size(tensor.shape, tensor.dtype);
    if (!size || *size > std::numeric_limits<std::uint64_t>::max() - offset) {
      return fail(ErrorCode::kInvalidArgument, describe(tensor) + " of shape " +
                                                   to_string(tensor.shape) +
                                                   " cannot be stored in a file");
    }
    tensor.begin = offset;
    offset += *size;
    tensor.end = offset;
  }
  return {};
}

std::vector<std::uint8_t> serialize_safetensors_header(
    const std::vector<TensorInfo>& tensors, const std::map<std::string, std::string>& metadata) {
  using Json = nlohmann::ordered_json;
  Json json = Json::object();
  if (!metadata.empty()) json["__metadata__"] = metadata;
  for (const TensorInfo& tensor : tensors) {
    Json& entry = json[tensor.name];
    entry["dtype"] = dtype_name(tensor.dtype);
    entry["shape"] = tensor.shape;
    entry["data_offsets"] = {tensor.begin, tensor.end};
  }
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.resize((text.size() + kLengthBytes - 1) / kLengthBytes * kLengthBytes, ' ');

  std::vector<std::uint8_t> bytes;
  bytes.reserve(kLengthBytes + text.size());
  std::uint64_t length = text.size();
  for (std::size_t i = 0; i < kLengthBytes; ++i, length >>= 8) {
    bytes.push_back(static_cast<std::uint8_t>(length & 0xff));
  }
  bytes.insert(bytes.end(), text.begin(), text.end());
  return bytes;
}

}  // namespace gradcam
