#include "gradcam/import/importing_converter.h"

#include <algorithm>
#include <utility>

namespace gradcam {

ImportingConverter::ImportingConverter(std::uint64_t file_bytes, ImportOptions options, Plan plan)
    : importer_(file_bytes, std::move(options)), plan_(std::move(plan)) {}

Result<std::span<const std::uint8_t>> ImportingConverter::provide(
    std::span<const std::uint8_t> bytes) {
  out_.clear();
  GRADCAM_TRY(const auto imported, importer_.provide(bytes));
  imported_.insert(imported_.end(), imported.begin(), imported.end());
  if (!converter_) {
    if (!imported_.empty()) GRADCAM_CHECK_OK(begin());
    return out_;
  }
  while (const auto range = converter_->wanted()) {
    if (range->end > offset_ + imported_.size()) break;
    const auto part =
        std::span(imported_).subspan(static_cast<std::size_t>(range->begin - offset_),
                                     static_cast<std::size_t>(range->end - range->begin));
    GRADCAM_TRY(const auto converted, converter_->provide(part));
    out_.insert(out_.end(), converted.begin(), converted.end());
  }
  const auto done = static_cast<std::ptrdiff_t>(
      std::min<std::uint64_t>(converter_->needs_from() - offset_, imported_.size()));
  imported_.erase(imported_.begin(), imported_.begin() + done);
  offset_ += static_cast<std::uint64_t>(done);
  return out_;
}

/// The importer gives its header at once.
Result<void> ImportingConverter::begin() {
  GRADCAM_TRY(SafetensorsHeader header,
              parse_safetensors_header(imported_, importer_.file_bytes()));
  GRADCAM_TRY(ConvertOptions options, plan_(header));
  GRADCAM_TRY(converter_, ModelConverter::create(std::move(header), std::move(options)));
  const auto beginning = converter_->beginning();
  out_.assign(beginning.begin(), beginning.end());
  return {};
}

}  // namespace gradcam
