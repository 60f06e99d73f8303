#include "gradcam/import/zip.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "gradcam/image/zlib.h"
#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

constexpr std::uint64_t kLocalHeader = 0x04034b50;
constexpr std::uint64_t kCentralHeader = 0x02014b50;
constexpr std::uint64_t kEndRecord = 0x06054b50;
constexpr std::uint64_t kZip64End = 0x06064b50;
constexpr std::uint64_t kZip64Locator = 0x07064b50;
constexpr std::uint64_t kEndBytes = 22;
constexpr std::uint64_t kLocatorBytes = 20;
constexpr std::uint64_t kZip64EndBytes = 56;
constexpr std::uint64_t kLocalHeaderBytes = 30;
constexpr std::uint64_t kMostComment = 0xffff;
constexpr std::uint64_t kIn64 = 0xffffffff;  // of a number that is told in 64 bits elsewhere

std::unexpected<Error> bad_zip() {
  return fail(ErrorCode::kCorruptModel, "it is a damaged zip archive, or was cut short");
}

/// Where the central directory is.
struct Central {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// The record at the very end, behind which there may be a comment.
Result<std::uint64_t> find_end(Window& window) {
  const std::uint64_t size = window.file_bytes();
  if (size < kEndBytes) return bad_zip();
  for (const std::uint64_t span : {kEndBytes, std::min(size, kEndBytes + kMostComment)}) {
    GRADCAM_TRY(const auto bytes, window.read(size - span, span));
    for (std::size_t at = bytes.size() - kEndBytes + 1; at-- > 0;) {
      if (Cursor(std::span(bytes).subspan(at)).uint(4) == kEndRecord) return size - span + at;
    }
  }
  return bad_zip();
}

Result<Central> find_central(Window& window) {
  GRADCAM_TRY(const std::uint64_t end, find_end(window));
  GRADCAM_TRY(const auto bytes, window.read(end, kEndBytes));
  Cursor record(bytes);
  record.skip(12);
  Central central;
  central.bytes = record.uint(4);
  central.offset = record.uint(4);
  if ((central.bytes != kIn64 && central.offset != kIn64) || end < kLocatorBytes) return central;
  GRADCAM_TRY(const auto locator_bytes, window.read(end - kLocatorBytes, kLocatorBytes));
  Cursor locator(locator_bytes);
  if (locator.uint(4) != kZip64Locator) return central;
  locator.skip(4);
  GRADCAM_TRY(const auto end64_bytes, window.read(locator.uint(8), kZip64EndBytes));
  Cursor end64(end64_bytes);
  if (end64.uint(4) != kZip64End) return bad_zip();
  end64.skip(36);
  central.bytes = end64.uint(8);
  central.offset = end64.uint(8);
  return central;
}

}  // namespace

Result<ZipDirectory> ZipDirectory::read(Window& window) {
  GRADCAM_TRY(const Central central, find_central(window));
  constexpr std::uint64_t kMostBytes = 1 << 20;  // some ten thousand entries
  if (central.bytes > kMostBytes) return bad_zip();
  GRADCAM_TRY(const auto bytes, window.read(central.offset, central.bytes));
  ZipDirectory directory;
  Cursor cursor(bytes);
  while (cursor.left() > 0) {
    if (cursor.uint(4) != kCentralHeader) return bad_zip();
    cursor.skip(4);
    const std::uint64_t flags = cursor.uint(2);
    const std::uint64_t method = cursor.uint(2);
    cursor.skip(8);
    std::uint64_t stored = cursor.uint(4);
    std::uint64_t size = cursor.uint(4);
    const std::uint64_t name_bytes = cursor.uint(2);
    const std::uint64_t extra_bytes = cursor.uint(2);
    const std::uint64_t comment_bytes = cursor.uint(2);
    cursor.skip(8);
    std::uint64_t header = cursor.uint(4);
    std::string name = cursor.text(name_bytes);
    const std::string extra = cursor.text(extra_bytes);
    cursor.skip(comment_bytes);
    if (cursor.failed()) return bad_zip();

    const std::vector<std::uint8_t> fields(extra.begin(), extra.end());
    for (Cursor field(fields); field.left() >= 4;) {
      constexpr std::uint64_t kZip64Field = 1;
      const std::uint64_t kind = field.uint(2);
      const std::uint64_t field_bytes = field.uint(2);
      const std::size_t begin = field.at();
      if (kind == kZip64Field) {
        for (std::uint64_t* number : {&size, &stored, &header}) {
          if (*number == kIn64) *number = field.uint(8);
        }
      }
      field.skip(begin + field_bytes - std::min<std::uint64_t>(begin + field_bytes, field.at()));
    }
    constexpr std::uint64_t kEncrypted = 1;
    constexpr std::uint64_t kDeflate = 8;
    Entry entry{.header = header, .bytes = stored, .size = size};
    if ((flags & kEncrypted) == 0) {
      if (method == 0 && stored == size) entry.method = Method::kStored;
      if (method == kDeflate) entry.method = Method::kDeflated;
    }
    directory.entries_[std::move(name)] = entry;
  }
  return directory;
}

std::string ZipDirectory::ending_in(std::string_view end) const {
  for (const auto& [name, entry] : entries_) {
    if (name.ends_with(end)) return name;
  }
  return "";
}

Result<const ZipDirectory::Entry*> ZipDirectory::entry(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found != entries_.end()) return &found->second;
  return fail(ErrorCode::kCorruptModel, "its archive has no " + internal::quote(name));
}

Result<FileRange> ZipDirectory::range_of(Window& window, const Entry& entry) {
  GRADCAM_TRY(const auto bytes, window.read(entry.header, kLocalHeaderBytes));
  Cursor header(bytes);
  if (header.uint(4) != kLocalHeader) return bad_zip();
  header.skip(22);
  const std::uint64_t name_bytes = header.uint(2);
  const std::uint64_t begin = entry.header + kLocalHeaderBytes + name_bytes + header.uint(2);
  if (begin > window.file_bytes() || entry.bytes > window.file_bytes() - begin) return bad_zip();
  return FileRange{begin, begin + entry.bytes};
}

Result<FileRange> ZipDirectory::find(Window& window, std::string_view name) const {
  GRADCAM_TRY(const Entry* found, entry(name));
  if (found->method != Method::kStored) {
    return fail(ErrorCode::kUnsupportedFormat,
                internal::quote(name) +
                    " in its archive is compressed; save it uncompressed, as Keras and PyTorch do");
  }
  return range_of(window, *found);
}

Result<std::vector<std::uint8_t>> ZipDirectory::read(Window& window, std::string_view name,
                                                     std::size_t most) const {
  GRADCAM_TRY(const Entry* found, entry(name));
  if (found->size > most || found->bytes > most) {
    return fail(ErrorCode::kUnsupportedFormat, internal::quote(name) +
                                                   " in its archive has more than " +
                                                   std::to_string(most >> 10) + " KiB");
  }
  if (found->method == Method::kStored) {
    GRADCAM_TRY(const FileRange where, find(window, name));
    return window.read(where.begin, where.end - where.begin);
  }
  GRADCAM_TRY(const FileRange where, range_of(window, *found));
  GRADCAM_TRY(const auto deflated, window.read(where.begin, where.end - where.begin));
  auto inflated = found->method == Method::kDeflated
                      ? inflate(deflated, static_cast<std::size_t>(found->size))
                      : std::nullopt;
  if (!inflated) return bad_zip();
  return *std::move(inflated);
}

}  // namespace gradcam
