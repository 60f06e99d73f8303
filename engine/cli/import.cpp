#include "cli/import.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/system.h"
#include "gradcam/import/importer.h"
#include "gradcam/import/importing_loader.h"

namespace gradcam {
namespace {

namespace fs = std::filesystem;

/// A file of another program, and the one beside it that has its weights, if there is one.
class ForeignFile {
 public:
  static Result<ForeignFile> open(const fs::path& path) {
    std::error_code error;
    const std::uint64_t size = fs::file_size(path, error);
    if (error) {
      return fail(ErrorCode::kUnreadableFile, "its size cannot be read: " + error.message());
    }
    return ForeignFile(path, size);
  }

  std::uint64_t size() const { return size_; }
  /// The file beside it, once it has been found.
  const fs::path& beside() const { return beside_; }

  /// For an importer that does not outlive this.
  FindBeside find_beside() {
    return [this](const std::string& name) -> std::optional<std::uint64_t> {
      const fs::path beside = path_.parent_path() / path_of(name);
      std::error_code error;
      const bool is_beside =
          beside.filename() == path_of(name) && fs::is_regular_file(beside, error);
      const std::uint64_t size = is_beside ? fs::file_size(beside, error) : 0;
      if (!is_beside || error) return std::nullopt;
      beside_ = beside;
      return size;
    };
  }

  /// Gives `provide` the parts that are wanted, until there are none.
  template <class Wanted, class Provide>
  Result<void> feed(const Wanted& next_wanted, const Provide& provide) {
    std::ifstream file(path_, std::ios::binary);
    std::ifstream beside;
    std::vector<std::uint8_t> bytes;
    while (const auto wanted = next_wanted()) {
      bytes.resize(static_cast<std::size_t>(wanted->end - wanted->begin));
      const bool is_beside = wanted->begin >= size_ && !bytes.empty();
      if (is_beside && !beside.is_open()) beside.open(beside_, std::ios::binary);
      std::ifstream& from = is_beside ? beside : file;
      from.seekg(static_cast<std::streamoff>(wanted->begin - (is_beside ? size_ : 0)));
      from.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
      if (!from) {
        return fail(ErrorCode::kUnreadableFile, "it ended or failed while it was being read");
      }
      GRADCAM_CHECK_OK(provide(bytes));
    }
    return {};
  }

 private:
  ForeignFile(fs::path path, std::uint64_t size) : path_(std::move(path)), size_(size) {}

  fs::path path_;
  std::uint64_t size_;
  fs::path beside_;
};

/// Gives `write` what a converter makes of a file, unless it would replace the file's weights.
template <class Converter>
Result<void> convert_to(const fs::path& out, ForeignFile& file, Converter& converter,
                        const WritePart& write) {
  return file.feed([&] { return converter.wanted(); },
                   [&](std::span<const std::uint8_t> bytes) -> Result<void> {
                     GRADCAM_TRY(const auto converted, converter.provide(bytes));
                     if (converted.empty()) return {};
                     std::error_code error;
                     if (fs::equivalent(file.beside(), out, error)) {
                       return fail(
                           ErrorCode::kInvalidArgument,
                           out.string() + " has its weights; choose another name for the new file");
                     }
                     return write(converted, converter.file_bytes());
                   });
}

}  // namespace

bool is_foreign_model(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<std::uint8_t, 8> first = {};
  file.read(reinterpret_cast<char*>(first.data()), first.size());
  return file && is_foreign_model(first);
}

Result<void> import_model(const fs::path& path, const fs::path& out, ImportOptions options,
                          ImportingConverter::Plan plan, const WritePart& write) {
  GRADCAM_TRY(ForeignFile file, ForeignFile::open(path));
  options.source = path.filename().string();
  options.find_beside = file.find_beside();
  ImportingConverter converter(file.size(), std::move(options), std::move(plan));
  return convert_to(out, file, converter, write);
}

Result<void> import_model(const fs::path& path, const fs::path& out, const WritePart& write) {
  GRADCAM_TRY(ForeignFile file, ForeignFile::open(path));
  ModelImporter importer(file.size(),
                         {.source = path.filename().string(), .find_beside = file.find_beside()});
  return convert_to(out, file, importer, write);
}

Result<std::vector<std::uint8_t>> import_bytes(const fs::path& path) {
  std::vector<std::uint8_t> file;
  GRADCAM_CHECK_OK(
      import_model(path, {}, [&](std::span<const std::uint8_t> bytes, std::uint64_t file_bytes) {
        file.reserve(static_cast<std::size_t>(file_bytes));
        file.insert(file.end(), bytes.begin(), bytes.end());
        return Result<void>();
      }));
  return file;
}

Result<Vgg16> import_vgg16(const fs::path& path, const LoadOptions& options) {
  GRADCAM_TRY(ForeignFile file, ForeignFile::open(path));
  ImportingLoader loader(file.size(), {.find_beside = file.find_beside()}, options);
  GRADCAM_CHECK_OK(
      file.feed([&] { return loader.wanted(); },
                [&](std::span<const std::uint8_t> bytes) { return loader.provide(bytes); }));
  return loader.finish();
}

}  // namespace gradcam
