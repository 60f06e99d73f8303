#include "cli/import.h"

#include <array>
#include <fstream>
#include <vector>

namespace gradcam {

namespace fs = std::filesystem;

bool is_foreign_model(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<std::uint8_t, 8> first = {};
  file.read(reinterpret_cast<char*>(first.data()), first.size());
  return file && is_foreign_model(first);
}

Result<void> import_model(const fs::path& path, ImportingConverter converter,
                          const WritePart& write) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::uint8_t> bytes;
  while (const auto wanted = converter.wanted()) {
    bytes.resize(static_cast<std::size_t>(wanted->end - wanted->begin));
    file.seekg(static_cast<std::streamoff>(wanted->begin));
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!file) {
      return fail(ErrorCode::kUnreadableFile, "it ended or failed while it was being read");
    }
    GRADCAM_TRY(const auto next, converter.provide(bytes));
    if (!next.empty()) GRADCAM_CHECK_OK(write(next, converter.file_bytes()));
  }
  return {};
}

}  // namespace gradcam
