#include "gradcam/import/protobuf.h"

#include <algorithm>

namespace gradcam {
namespace {

constexpr std::size_t kMostFields = 20'000;  // a VGG16 has some 2,000
constexpr std::uint64_t kMostText = 1'000;
constexpr std::uint64_t kMostVarint = 10;  // bytes
constexpr std::uint64_t kFixed64 = 8;
constexpr std::uint64_t kFixed32 = 4;

std::unexpected<Error> bad_protobuf(const std::string& what) {
  return fail(ErrorCode::kCorruptModel, "it is cut short or damaged: " + what);
}

/// A number in groups of 7 bits, the lowest first; all but the last byte have their highest bit.
std::optional<std::uint64_t> varint(Cursor& cursor) {
  std::uint64_t value = 0;
  for (std::uint64_t i = 0; i < kMostVarint; ++i) {
    const std::uint64_t byte = cursor.uint(1);
    value |= (byte & 0x7f) << (7 * i);
    if (cursor.failed()) return std::nullopt;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

}  // namespace

Result<ProtobufField> Protobuf::next(std::uint64_t& at, std::uint64_t end) {
  if (++read_ > kMostFields) return bad_protobuf("it says more than any VGG16 does");
  GRADCAM_TRY(const auto bytes, window_->read(at, std::min(2 * kMostVarint, end - at)));
  Cursor cursor(bytes);
  const auto key = varint(cursor);
  if (!key) return bad_protobuf("a field is cut short");
  enum Wire : std::uint8_t { kVarint = 0, kWide = 1, kBytes = 2, kNarrow = 5 };
  ProtobufField field{.number = *key >> 3};
  const auto wire = *key & 7;
  if (wire == kWide || wire == kNarrow) {
    field.value = cursor.uint(wire == kWide ? kFixed64 : kFixed32);
  } else if (wire == kVarint || wire == kBytes) {
    const auto value = varint(cursor);
    if (!value) return bad_protobuf("a number is cut short");
    field.value = *value;
  } else {
    return bad_protobuf("a field is of no known kind");
  }
  if (cursor.failed()) return bad_protobuf("a number is cut short");
  at += cursor.at();
  if (wire != kBytes) return field;
  if (field.value > end - at) return bad_protobuf("a field is longer than what it is in");
  field.bytes = {at, at + field.value};
  at = field.bytes.end;
  return field;
}

Result<std::vector<ProtobufField>> Protobuf::fields(FileRange message) {
  std::vector<ProtobufField> fields;
  for (std::uint64_t at = message.begin; at < message.end;) {
    GRADCAM_TRY(const ProtobufField field, next(at, message.end));
    fields.push_back(field);
  }
  return fields;
}

Result<std::string> Protobuf::text(FileRange bytes) {
  if (bytes.end - bytes.begin > kMostText) return bad_protobuf("a name is too long");
  GRADCAM_TRY(const auto text, window_->read(bytes.begin, bytes.end - bytes.begin));
  return std::string(text.begin(), text.end());
}

Result<std::vector<std::int64_t>> Protobuf::packed(FileRange bytes) {
  if (bytes.end - bytes.begin > kMostText) return bad_protobuf("a list is too long");
  GRADCAM_TRY(const auto content, window_->read(bytes.begin, bytes.end - bytes.begin));
  Cursor cursor(content);
  std::vector<std::int64_t> numbers;
  while (cursor.left() > 0) {
    const auto number = varint(cursor);
    if (!number) return bad_protobuf("a number is cut short");
    numbers.push_back(static_cast<std::int64_t>(*number));
  }
  return numbers;
}

}  // namespace gradcam
