#include "cli/files.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace gradcam {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> unreadable(const std::string& message) {
  return fail(ErrorCode::kUnreadableFile, message);
}

Result<std::ifstream> open_file(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) return unreadable("there is no such file");
  if (fs::is_directory(status)) return unreadable("it is a folder, where a file was expected");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return unreadable(std::string("it cannot be opened: ") + std::strerror(errno));
  return file;
}

Result<void> read_exactly(std::ifstream& file, std::span<std::uint8_t> bytes) {
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file) return unreadable("it ended or failed while it was being read");
  return {};
}

bool has_photo_extension(const fs::path& path) {
  // Those that cannot be read are here too, so that they are reported and not passed over.
  constexpr auto kExtensions = std::to_array<std::string_view>(
      {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".heic", ".heif", ".avif",
       ".tif", ".tiff", ".jxl"});
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::find(kExtensions, extension) != kExtensions.end();
}

}  // namespace

Result<std::vector<std::uint8_t>> read_file(const fs::path& path) {
  GRADCAM_TRY(std::ifstream file, open_file(path));
  std::vector<std::uint8_t> bytes;
  std::array<char, 1 << 16> buffer;
  do {
    file.read(buffer.data(), buffer.size());
    bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + file.gcount());
  } while (file);
  if (file.bad()) return unreadable("it failed while it was being read");
  return bytes;
}

Result<void> write_file(const fs::path& path, std::span<const std::uint8_t> bytes) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) {
    return unreadable(path.string() + " cannot be written: " + std::strerror(errno));
  }
  return {};
}

Result<Vgg16> load_model(const fs::path& path, const LoadOptions& options) {
  GRADCAM_TRY(std::ifstream file, open_file(path));
  std::error_code error;
  const std::uint64_t file_size = fs::file_size(path, error);
  if (error) return unreadable("its size cannot be read: " + error.message());

  std::vector<std::uint8_t> buffer(std::min<std::uint64_t>(8, file_size));
  GRADCAM_CHECK_OK(read_exactly(file, buffer));
  GRADCAM_TRY(const std::uint64_t header_bytes, safetensors_header_bytes(buffer, file_size));
  buffer.resize(static_cast<std::size_t>(header_bytes));
  GRADCAM_CHECK_OK(read_exactly(file, std::span(buffer).subspan(8)));
  GRADCAM_TRY(SafetensorsHeader header, parse_safetensors_header(buffer, file_size));
  GRADCAM_TRY(Vgg16Loader loader, Vgg16Loader::begin(std::move(header), options));

  constexpr std::size_t kChunkBytes = 4 << 20;
  for (std::size_t i = 0; i < loader.header().tensors.size(); ++i) {
    const auto [begin, end] = loader.wanted(i);
    const std::size_t row = loader.row_bytes(i);
    const std::uint64_t chunk = std::max<std::size_t>(1, kChunkBytes / row) * row;
    file.seekg(static_cast<std::streamoff>(begin));
    for (std::uint64_t at = begin; at < end; at += chunk) {
      buffer.resize(static_cast<std::size_t>(std::min(chunk, end - at)));
      GRADCAM_CHECK_OK(read_exactly(file, buffer));
      GRADCAM_CHECK_OK(loader.provide(i, buffer));
    }
  }
  return loader.finish();
}

fs::path default_model() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return {};
  // build/native/gradcam and prefix/bin/gradcam
  const fs::path folder = program.parent_path();
  for (const fs::path& candidate : {folder / "../../weights/default.safetensors",
                                    folder / "../share/gradcam/default.safetensors"}) {
    if (fs::exists(candidate, error)) return candidate.lexically_normal();
  }
  return {};
}

Result<std::vector<fs::path>> list_photos(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return std::vector<fs::path>{path};
  std::vector<fs::path> photos;
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator it(path, options, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored) && has_photo_extension(it->path())) photos.push_back(*it);
  }
  if (error) return unreadable("the folder cannot be read: " + error.message());
  if (photos.empty()) return unreadable("the folder has no photos in it");
  std::ranges::sort(photos);
  return photos;
}

}  // namespace gradcam
