#include "cli/labelled_photos.h"

#include <algorithm>
#include <map>
#include <utility>

#include "cli/files.h"
#include "cli/terminal.h"
#include "gradcam/weights/find_class.h"

namespace gradcam {

namespace fs = std::filesystem;

Result<std::vector<LabelledPhoto>> labelled_photos(const fs::path& folder, const ModelInfo& info,
                                                   const MaskFinder& masks, bool& some_failed) {
  GRADCAM_TRY(const std::vector<fs::path> folders, list_folders(folder));
  std::vector<LabelledPhoto> photos;
  for (const fs::path& of_class : folders) {
    const auto label = find_class(info.metadata.labels, of_class.filename().string());
    if (!label) {
      complain(of_class.string(), "left out; " + label.error().message);
      continue;
    }
    std::vector<fs::path> found;
    if (const auto status = list_photos(of_class, found); !status) {
      complain(of_class.string(), status.error().message);
      some_failed = true;
    }
    std::map<fs::path, std::size_t> of_name;
    for (const fs::path& photo : found) ++of_name[photo.stem()];
    for (const fs::path& photo : found) {
      GRADCAM_TRY(fs::path mask,
                  masks.find(folder, photo.lexically_relative(folder), of_name[photo.stem()] == 1));
      photos.push_back({photo, *label, std::move(mask)});
    }
  }
  if (photos.empty()) {
    return fail(ErrorCode::kUnreadableFile,
                folder.string() + ": there are no photos in folders named for the model's classes");
  }
  std::ranges::sort(photos, {}, &LabelledPhoto::path);
  return photos;
}

Result<std::vector<LabelledPhoto>> other_photos(const fs::path& folder) {
  std::vector<fs::path> found;
  GRADCAM_TRY(const auto present, of_file(folder, status_of(folder)));
  if (!fs::exists(present)) {
    return fail(ErrorCode::kUnreadableFile, folder.string() + ": there is no such folder");
  }
  GRADCAM_CHECK_OK(of_file(folder, list_photos(folder, found)));
  std::vector<LabelledPhoto> photos;
  for (const fs::path& photo : found) photos.push_back({photo, std::nullopt, {}});
  return photos;
}

}  // namespace gradcam
