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
#include <utility>

#include "cli/import.h"
#include "cli/interrupt.h"
#include "cli/system.h"
#include "gradcam/image/decode.h"
#include "gradcam/image/overlay.h"
#include "gradcam/image/png.h"
#include "gradcam/import/importer.h"
#include "gradcam/train/curves.h"
#include "gradcam/weights/fingerprint.h"

namespace gradcam {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> unreadable(const std::string& message) {
  return fail(ErrorCode::kUnreadableFile, message);
}

Result<std::ifstream> open_file(const fs::path& path) {
  GRADCAM_TRY(const fs::file_status status, status_of(path));
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
  // Those that cannot be read are here too, so that they are reported and not passed over. The page
  // has the same.
  constexpr auto kExtensions = std::to_array<std::string_view>(
      {".jpg",  ".jpeg", ".jpe",  ".jfif", ".png", ".bmp", ".gif", ".webp", ".heic", ".heif",
       ".avif", ".tif",  ".tiff", ".jxl",  ".psd", ".tga", ".pbm", ".pgm",  ".pnm",  ".ppm"});
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::find(kExtensions, extension) != kExtensions.end();
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

/// @param check whether it is worth reading more, by the first bytes, of which there are fewer than
///   1024 only if the file has fewer
Result<std::vector<std::uint8_t>> read_bytes(const fs::path& path,
                                             Result<void> (*check)(std::span<const std::uint8_t>)) {
  GRADCAM_TRY(std::ifstream file, open_file(path));
  constexpr std::uint64_t kMaxBytes = std::uint64_t{2} << 30;
  const auto too_large = [] { return unreadable("it is larger than 2 GiB"); };
  std::error_code unknown;
  const std::uint64_t size = fs::file_size(path, unknown);  // a pipe has none
  std::vector<std::uint8_t> bytes;
  std::array<char, 1 << 16> buffer;
  do {
    file.read(buffer.data(), buffer.size());
    if (file.bad()) return unreadable("it failed while it was being read");
    const bool is_first = bytes.empty();
    bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + file.gcount());
    if (is_first) {
      GRADCAM_CHECK_OK(check(bytes));
      if (!unknown && size > kMaxBytes) return too_large();
      if (!unknown) bytes.reserve(static_cast<std::size_t>(size));
    }
    if (bytes.size() > kMaxBytes) return too_large();
  } while (file);
  return bytes;
}

}  // namespace

Result<fs::file_status> status_of(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() != fs::file_type::none) return status;
  return unreadable("it cannot be reached: " + error.message());
}

Result<std::vector<std::uint8_t>> read_file(const fs::path& path) {
  return read_bytes(path, [](std::span<const std::uint8_t>) { return Result<void>(); });
}

Result<std::vector<std::uint8_t>> read_photo(const fs::path& path) {
  return read_bytes(path, check_format);
}

Result<void> write_file(const fs::path& path, std::span<const std::uint8_t> bytes) {
  const PutOffInterrupt whole;
  GRADCAM_TRY(NewFile file, NewFile::create(path, bytes.size()));
  GRADCAM_CHECK_OK(file.write(bytes));
  return file.commit(false);
}

std::string overlay_software(std::span<const std::uint8_t> photo) {
  Fingerprint content;
  content.add(photo);
  return std::string(kOverlaySoftware) + " " + content.hex();
}

std::string overlay_software(const fs::path& path) {
  std::array<std::uint8_t, 256> start = {};
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(start.data()), start.size());
  const std::string_view software = png_software(start);
  return software.starts_with(kOverlaySoftware) ? std::string(software) : "";
}

bool is_curves(const fs::path& path) {
  std::array<char, 512> start = {};
  std::ifstream file(path, std::ios::binary);
  file.read(start.data(), start.size());
  const std::string_view beginning(start.data(), static_cast<std::size_t>(file.gcount()));
  return beginning.contains("<title>" + std::string(kCurvesTitle) + "</title>");
}

Result<ModelFile> ModelFile::open(const fs::path& path) {
  ModelFile model;
  GRADCAM_TRY(model.file_, open_file(path));
  std::error_code error;
  model.size_ = fs::file_size(path, error);
  if (error) return unreadable("its size cannot be read: " + error.message());

  std::vector<std::uint8_t> buffer(std::min<std::uint64_t>(8, model.size_));
  GRADCAM_CHECK_OK(read_exactly(model.file_, buffer));
  if (is_foreign_model(buffer)) {
    return fail(
        ErrorCode::kUnsupportedFormat,
        "it is a file of Keras, PyTorch or ONNX; gradcam convert makes a safetensors file of it");
  }
  GRADCAM_TRY(const std::uint64_t header_bytes, safetensors_header_bytes(buffer, model.size_));
  buffer.resize(static_cast<std::size_t>(header_bytes));
  GRADCAM_CHECK_OK(read_exactly(model.file_, std::span(buffer).subspan(8)));
  GRADCAM_TRY(model.header_, parse_safetensors_header(buffer, model.size_));
  return model;
}

Result<void> ModelFile::read(std::uint64_t offset, std::span<std::uint8_t> bytes) {
  file_.seekg(static_cast<std::streamoff>(offset));
  return read_exactly(file_, bytes);
}

Result<void> ModelFile::read_pieces(
    const FileRange& part, std::uint64_t row_bytes,
    const std::function<Result<void>(std::span<const std::uint8_t>)>& use) {
  std::vector<std::uint8_t> buffer;
  const std::uint64_t piece = std::max<std::uint64_t>(1, kPieceBytes / row_bytes) * row_bytes;
  for (std::uint64_t at = part.begin; at < part.end; at += piece) {
    buffer.resize(static_cast<std::size_t>(std::min(piece, part.end - at)));
    GRADCAM_CHECK_OK(read(at, buffer));
    GRADCAM_CHECK_OK(use(buffer));
  }
  return {};
}

Result<std::uint64_t> ModelFile::fingerprint() {
  Fingerprint all;
  const auto add = [&all](std::span<const std::uint8_t> bytes) -> Result<void> {
    all.add(bytes);
    return {};
  };
  GRADCAM_CHECK_OK(read_pieces({header_.data_offset, size_}, 1, add));
  return all.value();
}

std::unexpected<Error> NewFile::failed(const char* what) const {
  return unreadable(path_.string() + what + std::strerror(errno));
}

Result<NewFile> NewFile::create(const fs::path& path, std::uint64_t size) {
  std::error_code error;
  const fs::file_status present = fs::status(path, error);
  if (fs::is_directory(present)) {
    return unreadable(path.string() + " is a folder, where a file is to be written");
  }
  if (fs::exists(present) && !fs::is_regular_file(present)) {
    return unreadable(path.string() + " is no regular file, which could be replaced as a whole");
  }
  NewFile file;
  file.path_ = path;
  // A link stays, and what it points to is replaced, or made. They may go round in circles.
  constexpr int kMostLinks = 40;
  for (int links = 0; links < kMostLinks && fs::is_symlink(file.path_, error); ++links) {
    file.path_ = file.path_.parent_path() / fs::read_symlink(file.path_, error);
  }
  const fs::path parent = file.path_.parent_path();
  const fs::path folder = parent.empty() ? fs::path(".") : parent;
  const fs::space_info space = fs::space(folder, error);
  if (!error && space.available < size) {
    return unreadable(path.string() + " needs " + std::to_string((size + 1023) >> 10) +
                      " KiB, but " + folder.string() + " has only " +
                      std::to_string(space.available >> 10) + " KiB left");
  }
  // A program that was killed may have left one, and had the same number.
  constexpr int kMostLeft = 100;
  for (int number = process_id(), last = number + kMostLeft; number < last; ++number) {
    fs::path partial = file.path_;
    partial += ".partial-" + std::to_string(number);
    errno = 0;
    file.file_.reset(create_file(partial));
    if (file.file_ != nullptr) {
      // As of the file that it replaces, which may not be for everyone.
      if (fs::exists(present)) fs::permissions(partial, present.permissions(), error);
      file.partial_ = std::move(partial);
      return file;
    }
    if (errno != EEXIST) break;
  }
  return file.failed(" cannot be written: ");
}

NewFile::~NewFile() {
  if (file_ == nullptr) return;
  file_.reset();
  std::error_code ignored;
  fs::remove(partial_, ignored);
}

Result<void> NewFile::write(std::span<const std::uint8_t> bytes) {
  errno = 0;
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) == bytes.size()) return {};
  return failed(" cannot be written: ");
}

Result<fs::path> NewFile::written() {
  errno = 0;
  if (std::fflush(file_.get()) != 0) return failed(" cannot be written: ");
  return partial_;
}

Result<void> NewFile::commit(bool is_durable) {
  errno = 0;
  if (std::fflush(file_.get()) != 0 || (is_durable && !make_durable(file_.get()))) {
    return failed(" cannot be written: ");
  }
  file_.reset();  // Windows renames no file that is open.
  std::error_code error;
  fs::rename(partial_, path_, error);
  if (!error) return {};
  std::error_code ignored;
  fs::remove(partial_, ignored);
  return unreadable(path_.string() + " cannot be written: " + error.message());
}

Result<Vgg16> load_model(const fs::path& path, const LoadOptions& options) {
  if (is_foreign_model(path)) return import_vgg16(path, options);
  GRADCAM_TRY(ModelFile file, ModelFile::open(path));
  GRADCAM_TRY(Vgg16Loader loader, Vgg16Loader::begin(file.header(), options));
  for (const std::size_t i : loader.order()) {
    const auto provide = [&](std::span<const std::uint8_t> rows) {
      return loader.provide(i, rows);
    };
    GRADCAM_CHECK_OK(file.read_pieces(loader.wanted(i), loader.row_bytes(i), provide));
  }
  return loader.finish();
}

std::unexpected<Error> of_file(const fs::path& path, const Error& error) {
  return fail(error.code, path.string() + ": " + error.message);
}

Result<std::shared_ptr<const Head>> load_head(const fs::path& path) {
  if (path.empty()) return nullptr;
  GRADCAM_TRY(const auto bytes, of_file(path, read_file(path)));
  GRADCAM_TRY(Head head, of_file(path, parse_head(bytes)));
  return std::make_shared<const Head>(std::move(head));
}

Result<fs::path> find_model(const fs::path& name) {
  if (!name.empty()) return name;
  // build/native/gradcam, prefix/bin/gradcam, and wherever both were copied to
  const fs::path folder = program_file().parent_path();
  std::error_code error;
  for (const fs::path& candidate :
       {folder / "../../weights/default.safetensors",
        folder / "../share/gradcam/default.safetensors", folder / "default.safetensors"}) {
    if (!folder.empty() && fs::exists(candidate, error)) return candidate.lexically_normal();
  }
  return fail(ErrorCode::kInvalidArgument, "name a model with --model");
}

Result<std::vector<fs::path>> list_folders(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> folders;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_directory(ignored) && !is_hidden(it->path())) folders.push_back(it->path());
  }
  if (error) {
    return fail(ErrorCode::kUnreadableFile,
                folder.string() + ": the folder cannot be read: " + error.message());
  }
  std::ranges::sort(folders);
  return folders;
}

Result<void> list_photos(const fs::path& path, std::vector<fs::path>& photos) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    photos.push_back(path);
    return {};
  }
  if (!may_open_folder(path))
    return unreadable(std::string("the folder cannot be read: ") + std::strerror(errno));
  const auto first = static_cast<std::ptrdiff_t>(photos.size());
  std::string closed;
  const auto leave_out = [&closed](const fs::path& folder, const char* why) {
    closed += (closed.empty() ? "" : "; ") + folder.string() + why;
  };
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator it(path, options, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    const fs::path& found = it->path();
    if (is_hidden(found)) {  // such as "._rex.jpg", which macOS writes beside "rex.jpg"
      it.disable_recursion_pending();
      continue;
    }
    const fs::file_status target = it->status(ignored);
    if (fs::is_directory(it->symlink_status(ignored))) {
      if (!may_open_folder(found)) leave_out(found, ", a folder in it, cannot be read");
    } else if (fs::is_directory(target)) {
      leave_out(found, ", a link to a folder, is not followed, but can be named itself");
    } else if ((fs::is_regular_file(target) || !fs::exists(target)) && has_photo_extension(found) &&
               overlay_software(found).empty()) {
      photos.push_back(found);
    }
  }
  std::sort(photos.begin() + first, photos.end());
  if (error) return unreadable("the folder cannot be read: " + error.message());
  if (!closed.empty()) return unreadable(closed);
  if (photos.begin() + first == photos.end()) return unreadable("the folder has no photos in it");
  return {};
}

}  // namespace gradcam
