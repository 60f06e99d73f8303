#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gradcam/import/window.h"

namespace gradcam {

/// The entries of a zip archive (PKWARE, APPNOTE.TXT), in which Keras 3 and PyTorch keep their
/// weights as they are, not compressed.
class ZipDirectory {
 public:
  /// kCorruptModel for what is no zip archive, or a damaged one.
  static Result<ZipDirectory> read(Window& window);

  bool has(std::string_view name) const { return entries_.contains(name); }

  /// The first entry whose name ends so; "" if there is none.
  std::string ending_in(std::string_view end) const;

  /// Where the bytes of an entry are; kUnsupportedFormat if it is compressed or encrypted.
  Result<FileRange> find(Window& window, std::string_view name) const;

  /// The bytes of an entry, which may be compressed; kUnsupportedFormat if it has more than `most`.
  Result<std::vector<std::uint8_t>> read(Window& window, std::string_view name,
                                         std::size_t most) const;

 private:
  enum class Method { kStored, kDeflated, kOther };

  struct Entry {
    std::uint64_t header = 0;  ///< where its own header is
    std::uint64_t bytes = 0;   ///< in the archive
    std::uint64_t size = 0;    ///< not compressed
    Method method = Method::kOther;
  };

  Result<const Entry*> entry(std::string_view name) const;
  static Result<FileRange> range_of(Window& window, const Entry& entry);

  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace gradcam
