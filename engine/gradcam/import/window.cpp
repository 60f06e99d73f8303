#include "gradcam/import/window.h"

#include <algorithm>

#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

constexpr std::uint64_t kReadBlock = 16 << 10;
constexpr std::uint64_t kMostKnown = 32 << 20;  // of all blocks; a VGG16 needs less than one MB
constexpr std::uint64_t kMostAtOnce = 8 << 20;

}  // namespace

Result<std::vector<std::uint8_t>> Window::read(std::uint64_t offset, std::uint64_t count) {
  lacking_.reset();
  if (offset > file_bytes_ || count > file_bytes_ - offset) {
    return fail(ErrorCode::kCorruptModel, "it is cut short, or damaged: it has " +
                                              std::to_string(file_bytes_) +
                                              " bytes, but refers to bytes after its end");
  }
  if (count > kMostAtOnce || (blocks_.size() + 1) * kReadBlock + count > kMostKnown) {
    return fail(ErrorCode::kCorruptModel,
                "what it says of its weights takes more than any VGG16 does");
  }
  std::vector<std::uint8_t> bytes;
  bytes.reserve(static_cast<std::size_t>(count));
  const std::uint64_t end = offset + count;
  for (std::uint64_t block = offset / kReadBlock; block * kReadBlock < end; ++block) {
    const auto found = blocks_.find(block);
    if (found == blocks_.end()) {
      if (!lacking_) lacking_ = FileRange{block * kReadBlock, 0};
      lacking_->end = std::min((block + 1) * kReadBlock, file_bytes_);
    } else if (lacking_) {
      break;
    } else {
      const std::uint64_t begin = block * kReadBlock;
      const auto first = static_cast<std::ptrdiff_t>(std::max(offset, begin) - begin);
      const auto last = static_cast<std::ptrdiff_t>(std::min(end, begin + kReadBlock) - begin);
      bytes.insert(bytes.end(), found->second.begin() + first, found->second.begin() + last);
    }
  }
  if (lacking_) return fail(ErrorCode::kUnreadableFile, "a part of it has not been read");
  return bytes;
}

Result<FileRange> Window::beside(const std::string& name) {
  const auto refuse = [](const std::string& what) {
    return fail(ErrorCode::kUnsupportedFormat,
                "its weights are in " + what +
                    "; or save all in one, as onnx.save(onnx.load(\"model.onnx\"), \"whole.onnx\") "
                    "does");
  };
  if (name_beside_.empty()) {
    const auto size = find_beside_ ? find_beside_(name) : std::nullopt;
    if (!size) return refuse("another file, " + internal::quote(name) + ", which is to be with it");
    name_beside_ = name;
    bytes_beside_ = *size;
  }
  if (name != name_beside_) {
    return refuse("several files, where one is read: " + internal::quote(name_beside_) + ", " +
                  internal::quote(name));
  }
  return FileRange{file_bytes_, all_bytes()};
}

Result<void> Window::provide(std::span<const std::uint8_t> bytes) {
  if (!lacking_ || bytes.size() != lacking_->end - lacking_->begin) {
    return fail(ErrorCode::kInvalidArgument,
                std::to_string(bytes.size()) + " bytes were given, which nobody asked for");
  }
  for (std::uint64_t block = lacking_->begin / kReadBlock; !bytes.empty(); ++block) {
    const auto part = bytes.first(std::min<std::size_t>(bytes.size(), kReadBlock));
    blocks_[block].assign(part.begin(), part.end());
    bytes = bytes.subspan(part.size());
  }
  lacking_.reset();
  return {};
}

std::span<const std::uint8_t> Cursor::take(std::uint64_t count) {
  if (count > left()) {
    failed_ = true;
    at_ = bytes_.size();
    return {};
  }
  const auto taken = bytes_.subspan(at_, static_cast<std::size_t>(count));
  at_ += taken.size();
  return taken;
}

std::uint64_t Cursor::uint(std::size_t width) {
  std::uint64_t value = 0;
  int shift = 0;
  for (const std::uint8_t byte : take(width)) {
    value |= std::uint64_t{byte} << shift;
    shift += 8;
  }
  return value;
}

std::string Cursor::text(std::uint64_t bytes) {
  const auto taken = take(bytes);
  return {taken.begin(), taken.end()};
}

}  // namespace gradcam
