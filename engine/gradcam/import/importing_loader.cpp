#include "gradcam/import/importing_loader.h"

#include <algorithm>
#include <utility>

namespace gradcam {

ImportingLoader::ImportingLoader(std::uint64_t file_bytes, ImportOptions import, LoadOptions load)
    : importer_(file_bytes, std::move(import)), load_(std::move(load)) {}

Result<void> ImportingLoader::provide(std::span<const std::uint8_t> bytes) {
  GRADCAM_TRY(const auto imported, importer_.provide(bytes));
  if (imported.empty()) return {};
  imported_.insert(imported_.end(), imported.begin(), imported.end());
  if (!loader_) {  // the importer gives its header at once
    GRADCAM_TRY(SafetensorsHeader header,
                parse_safetensors_header(imported_, importer_.file_bytes()));
    if (load_.leave_fc1) {
      return fail(ErrorCode::kInvalidArgument,
                  "fc1 cannot be left in the file of another program; convert it first");
    }
    GRADCAM_TRY(loader_, Vgg16Loader::begin(std::move(header), load_));
  }
  for (; tensor_ < loader_->header().tensors.size(); ++tensor_) {
    const auto [begin, end] = loader_->wanted(tensor_);
    next_ = std::clamp(next_, begin, end);
    const std::uint64_t here = offset_ + imported_.size();
    if (here > next_) {
      const std::uint64_t row = loader_->row_bytes(tensor_);
      const std::uint64_t count = (std::min(here, end) - next_) / row * row;
      const auto rows = std::span(imported_).subspan(static_cast<std::size_t>(next_ - offset_),
                                                     static_cast<std::size_t>(count));
      GRADCAM_CHECK_OK(loader_->provide(tensor_, rows));
      next_ += count;
    }
    if (next_ < end) break;
  }
  const auto done =
      static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(next_ - offset_, imported_.size()));
  imported_.erase(imported_.begin(), imported_.begin() + done);
  offset_ += static_cast<std::uint64_t>(done);
  return {};
}

Result<Vgg16> ImportingLoader::finish() {
  if (!loader_) return fail(ErrorCode::kInvalidArgument, "the file has not been provided");
  return loader_->finish();
}

Result<Vgg16> import_vgg16(std::span<const std::uint8_t> file, const LoadOptions& options) {
  ImportingLoader loader(file.size(), {}, options);
  while (const auto range = loader.wanted()) {
    GRADCAM_CHECK_OK(
        loader.provide(file.subspan(static_cast<std::size_t>(range->begin),
                                    static_cast<std::size_t>(range->end - range->begin))));
  }
  return loader.finish();
}

}  // namespace gradcam
