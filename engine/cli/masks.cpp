#include "cli/masks.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <system_error>
#include <vector>

#include "cli/files.h"
#include "cli/system.h"
#include "gradcam/image/decode.h"
#include "gradcam/tensor/text.h"

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

/// Each end of a path that has a folder in it, the shortest first.
std::vector<std::string> ends_of(const fs::path& path) {
  std::vector<std::string> ends;
  fs::path end = path.filename();
  for (fs::path above = path.parent_path(); above.has_filename(); above = above.parent_path()) {
    end = above.filename() / end;
    ends.push_back(end.generic_string());
  }
  return ends;
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
  if (folder.empty()) return finder;
  GRADCAM_TRY(const auto status, of_file(folder, status_of(folder)));
  if (!fs::is_directory(status)) {
    return fail(ErrorCode::kUnreadableFile, folder.string() + ": there is no such folder");
  }
  const fs::path list = folder / "MANIFEST.tsv";
  GRADCAM_TRY(const auto listed, of_file(list, status_of(list)));
  if (!fs::exists(listed)) return finder;
  GRADCAM_TRY(const auto bytes, of_file(list, read_file(list)));
  std::istringstream manifest(std::string(bytes.begin(), bytes.end()));
  std::string line;
  if (!std::getline(manifest, line)) return finder;
  const std::vector<std::string> columns =
      split_fields(std::string(internal::without_byte_order_mark(line)));
  const auto mask = std::ranges::find(columns, "mask") - columns.begin();
  const auto photo = std::ranges::find(columns, "photo") - columns.begin();
  const auto needed = std::max(mask, photo);
  if (needed == static_cast<std::ptrdiff_t>(columns.size())) {
    return fail(ErrorCode::kInvalidArgument, list.string() + " lacks a column mask or photo");
  }
  for (std::size_t number = 2; std::getline(manifest, line); ++number) {
    const std::vector<std::string> fields = split_fields(line);
    if (static_cast<std::ptrdiff_t>(fields.size()) <= needed) continue;
    // Known by any end of the path that has a folder in it, wherever the photos lie.
    const fs::path path = path_of(fields[static_cast<std::size_t>(photo)]).lexically_normal();
    for (const std::string& end : ends_of(path)) {
      finder.of_end_[end].push_back(finder.lines_.size());
    }
    finder.lines_.push_back(
        {number, path, folder / path_of(fields[static_cast<std::size_t>(mask)])});
  }
  return finder;
}

Result<fs::path> MaskFinder::find_in_manifest(const fs::path& classes,
                                              const fs::path& photo) const {
  const std::string name = photo.generic_string();
  if (!of_end_.contains(name)) return fs::path();
  // "1.jpg" may be in train/beagle and in test/beagle: what is above the classes tells which.
  std::error_code error;
  const fs::path path = fs::absolute(classes / photo, error).lexically_normal();
  std::string matched = name;
  for (const std::string& end : ends_of(path)) {
    if (end.size() <= name.size()) continue;
    if (!of_end_.contains(end)) break;
    matched = end;
  }
  std::vector<std::size_t> found = of_end_.at(matched);
  // A line that says no more than "beagle/1.jpg" means that of no other folder.
  const auto says_more = [&](std::size_t i) {
    return lines_[i].photo.relative_path().generic_string() != matched;
  };
  if (!std::ranges::all_of(found, says_more)) std::erase_if(found, says_more);
  const Line& last = lines_[found.back()];
  for (const std::size_t i : found) {
    const Line& other = lines_[i];
    if (other.photo == last.photo || other.mask == last.mask) continue;
    return fail(ErrorCode::kInvalidArgument,
                (folder_ / "MANIFEST.tsv").string() + " has two masks for " + path.string() +
                    ": line " + std::to_string(other.number) + " has that of " +
                    other.photo.string() + ", line " + std::to_string(last.number) + " that of " +
                    last.photo.string());
  }
  return last.mask;
}

Result<fs::path> MaskFinder::find(const fs::path& classes, const fs::path& photo,
                                  bool is_alone) const {
  if (folder_.empty()) return fs::path();
  std::vector<fs::path> names = {photo};
  if (is_alone) names.push_back(*photo.begin() / photo.filename());
  for (fs::path& name : names) {
    GRADCAM_TRY(fs::path listed, find_in_manifest(classes, name));
    if (!listed.empty()) return listed;
    fs::path candidate = folder_ / name.replace_extension(".png");
    // What cannot be reached is no mask that is lacking: who reads it will hear why.
    const auto status = status_of(candidate);
    if (!status || fs::exists(*status)) return candidate;
  }
  return fs::path();
}

Result<Image> read_mask(const std::filesystem::path& path, const Image& photo) {
  const auto bytes = read_photo(path);
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
