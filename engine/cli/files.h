#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "gradcam/vgg16/loader.h"

/// What the library leaves to its callers: reading and writing files.
namespace gradcam {

/// What is at a path, if anything is; an error if that cannot be told, as in a folder that may not
/// be looked into.
Result<std::filesystem::file_status> status_of(const std::filesystem::path& path);

/// A file's bytes, of which there may be 2 GiB. The error names the fault, not the file.
Result<std::vector<std::uint8_t>> read_file(const std::filesystem::path& path);

/// The same for `decode_image`; what it refuses by its first bytes is not read to its end.
Result<std::vector<std::uint8_t>> read_photo(const std::filesystem::path& path);

/// Writes a small file as a whole, or leaves what was there (see NewFile).
Result<void> write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);

/// What the overlay of a photo names as its software: kOverlaySoftware, and the photo by its bytes.
std::string overlay_software(std::span<const std::uint8_t> photo);

/// That of an overlay that was written here, perhaps into a folder of photos; "" of other files.
std::string overlay_software(const std::filesystem::path& path);

/// Whether a file is a picture of curves that fine-tuning has written.
bool is_curves(const std::filesystem::path& path);

/// A safetensors file whose header has been read and checked, and whose data is read where it is
/// needed. Errors name the fault, not the file.
class ModelFile {
 public:
  static Result<ModelFile> open(const std::filesystem::path& path);

  const SafetensorsHeader& header() const { return header_; }
  std::uint64_t size() const { return size_; }

  Result<void> read(std::uint64_t offset, std::span<std::uint8_t> bytes);

  /// Gives a part of the file to `use` in pieces of some megabytes, each of whole rows.
  Result<void> read_pieces(const FileRange& part, std::uint64_t row_bytes,
                           const std::function<Result<void>(std::span<const std::uint8_t>)>& use);

  /// A Fingerprint of all the data.
  Result<std::uint64_t> fingerprint();

 private:
  std::ifstream file_;
  std::uint64_t size_ = 0;
  SafetensorsHeader header_;
};

/// A file that is there as a whole or not at all: it is written beside its place, under another
/// name, and put there by `commit`. What has not been committed is removed, unless the program is
/// killed. Errors name the file.
class NewFile {
 public:
  /// An error, too, if the folder has not `size` bytes left.
  static Result<NewFile> create(const std::filesystem::path& path, std::uint64_t size);
  NewFile(NewFile&&) = default;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  Result<void> write(std::span<const std::uint8_t> bytes);
  /// The file that has what was written, until it is committed or removed.
  Result<std::filesystem::path> written();
  /// is_durable: waits until it would survive the machine's going down.
  Result<void> commit(bool is_durable = true);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  NewFile() = default;
  std::unexpected<Error> failed(const char* what) const;

  std::filesystem::path path_;
  std::filesystem::path partial_;
  std::unique_ptr<std::FILE, Close> file_;
};

/// An error that begins with the name of the file it is of.
std::unexpected<Error> of_file(const std::filesystem::path& path, const Error& error);

/// The same of what came of a file, if that is an error.
template <class T>
Result<T> of_file(const std::filesystem::path& path, Result<T> result) {
  if (!result) return of_file(path, result.error());
  return result;
}

/// Loads a model in pieces of some megabytes, so that the file is never in memory as a whole; of
/// Keras, PyTorch and ONNX, too.
Result<Vgg16> load_model(const std::filesystem::path& path, const LoadOptions& options = {});

/// Reads a head file; an empty path gives none. The error names the file.
Result<std::shared_ptr<const Head>> load_head(const std::filesystem::path& path);

/// The model file of this name, or, if it is empty, the one that comes with the program: beside the
/// build tree it was built in, in the share folder it was installed to, or beside the program.
/// kInvalidArgument if there is none.
Result<std::filesystem::path> find_model(const std::filesystem::path& name);

/// The folders in a folder, sorted by name, but for hidden ones.
Result<std::vector<std::filesystem::path>> list_folders(const std::filesystem::path& folder);

/// Appends the photos that an argument stands for: the file itself, or those in a folder and the
/// folders below it, sorted by path, but for hidden ones. Files in folders count as photos by their
/// extension, but for the overlays that `gradcam explain` writes; links to files, too, even where
/// they lead nowhere.
/// Links to folders are an error, as they may lead round in circles. Those photos that were found
/// are there even if it fails.
Result<void> list_photos(const std::filesystem::path& path,
                         std::vector<std::filesystem::path>& photos);

}  // namespace gradcam
