#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "gradcam/image/image.h"
#include "gradcam/tensor/error.h"

/// Pictures that show where the object is in photos.
namespace gradcam {

/// Which mask belongs to which photo. A folder of masks either has a MANIFEST.tsv with the columns
/// `mask` and `photo`, or names each mask as its photo: <class>/<photo's stem>.png. What lies in
/// folders of a class has its mask in folders of the same names or, if no other photo of the class
/// is called so, in that of the class.
class MaskFinder {
 public:
  /// An empty folder gives one that finds nothing.
  static Result<MaskFinder> create(const std::filesystem::path& folder);

  /// The mask of a photo, or an empty path if there is none. Of the lines that could mean it, that
  /// which has most of its path in common, and of those of one path the last; an error if lines of
  /// several paths remain, with different masks.
  ///
  /// @param classes the folder of the classes
  /// @param photo its path in that: "beagle/rex.jpg"
  /// @param is_alone no other photo of its class has its name
  Result<std::filesystem::path> find(const std::filesystem::path& classes,
                                     const std::filesystem::path& photo, bool is_alone) const;

 private:
  /// A line of MANIFEST.tsv.
  struct Line {
    std::size_t number;
    std::filesystem::path photo;
    std::filesystem::path mask;
  };

  Result<std::filesystem::path> find_in_manifest(const std::filesystem::path& classes,
                                                 const std::filesystem::path& photo) const;

  std::filesystem::path folder_;
  std::vector<Line> lines_;
  std::map<std::string, std::vector<std::size_t>> of_end_;  // in lines_, by the end of the photo
};

/// The picture that shows where the object is in a photo, as decode_mask reads it; its sides may be
/// others than the photo's, but not their ratio. The error names the file.
Result<Image> read_mask(const std::filesystem::path& path, const Image& photo);

}  // namespace gradcam
