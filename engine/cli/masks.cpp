#include "cli/masks.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include "cli/files.h"
#include "cli/system.h"
#include "gradcam/image/decode.h"

namespace gradcam {
namespace {

namespace fs = std::filesystem;

/// The fields of a line of a .tsv.
std::vector<std::string> split_fields(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, '\t');) fields.push_back(field);
  if (!fields.empty() && fields.back().ends_with('\r')) fields.back().pop_back();
  return fields;
}

/// Whether a mask is a photo of another size, give or take what rounding its sides does.
bool has_shape_of(const Image& mask, const Image& photo) {
  const double height = double{1} * photo.height * mask.width / photo.width;
  const double width = double{1} * photo.width * mask.height / photo.height;
  constexpr double kNear = 0.02;
  return std::abs(height - mask.height) <= std::max(1.0, kNear * height) ||
         std::abs(width - mask.width) <= std::max(1.0, kNear * width);
}

}  // namespace

Result<MaskFinder> MaskFinder::create(const fs::path& folder) {
  MaskFinder finder;
  finder.folder_ = folder;
  std::error_code error;
  if (folder.empty()) return finder;
  if (!fs::is_directory(folder, error)) {
    return fail(ErrorCode::kUnreadableFile, folder.string() + ": there is no such folder");
  }
  std::ifstream manifest(folder / "MANIFEST.tsv");
  std::string line;
  if (!std::getline(manifest, line)) return finder;
  const std::vector<std::string> columns = split_fields(line);
  const auto mask = std::ranges::find(columns, "mask") - columns.begin();
  const auto photo = std::ranges::find(columns, "photo") - columns.begin();
  const auto needed = std::max(mask, photo);
  if (needed == static_cast<std::ptrdiff_t>(columns.size())) {
    return fail(ErrorCode::kInvalidArgument,
                (folder / "MANIFEST.tsv").string() + " lacks a column mask or photo");
  }
  while (std::getline(manifest, line)) {
    const std::vector<std::string> fields = split_fields(line);
    if (static_cast<std::ptrdiff_t>(fields.size()) <= needed) continue;
    // Known by any end of the path that has a folder in it, wherever the photos lie.
    const fs::path path = path_of(fields[static_cast<std::size_t>(photo)]);
    fs::path end = path.filename();
    for (fs::path above = path.parent_path(); above.has_filename(); above = above.parent_path()) {
      end = above.filename() / end;
      finder.manifest_[end.generic_string()] =
          folder / path_of(fields[static_cast<std::size_t>(mask)]);
    }
  }
  return finder;
}

fs::path MaskFinder::find(const fs::path& photo, bool is_alone) const {
  if (folder_.empty()) return {};
  std::vector<fs::path> names = {photo};
  if (is_alone) names.push_back(*photo.begin() / photo.filename());
  for (fs::path& name : names) {
    if (const auto it = manifest_.find(name.generic_string()); it != manifest_.end()) {
      return it->second;
    }
    const fs::path candidate = folder_ / name.replace_extension(".png");
    std::error_code error;
    if (fs::exists(candidate, error)) return candidate;
  }
  return {};
}

Result<Image> read_mask(const std::filesystem::path& path, const Image& photo) {
  const auto bytes = read_file(path);
  auto mask = bytes ? decode_mask(*bytes) : Result<Image>(std::unexpected(bytes.error()));
  if (mask && !has_shape_of(*mask, photo)) {
    const auto sides = [](const Image& image) {
      return std::to_string(image.width) + " x " + std::to_string(image.height);
    };
    mask =
        fail(ErrorCode::kInvalidArgument,
             "its " + sides(*mask) + " pixels have another shape than the photo's " + sides(photo));
  }
  if (mask) return mask;
  return fail(mask.error().code, "its mask " + path.string() + ": " + mask.error().message);
}

}  // namespace gradcam
