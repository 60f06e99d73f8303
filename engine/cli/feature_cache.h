#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "gradcam/vgg16/vgg16.h"

namespace gradcam {

/// A photo with the class whose folder it is in.
struct ClassPhoto {
  std::filesystem::path path;
  std::size_t label = 0;
  std::uint64_t content = 0;  ///< a fingerprint of the file's bytes
};

struct ClassPhotos {
  std::vector<std::string> labels;  ///< the folders' names, sorted
  std::vector<ClassPhoto> photos;   ///< sorted by path, no two with the same content
  std::size_t unreadable = 0;       ///< left out, and named on standard error
  std::size_t duplicates = 0;       ///< likewise
};

/// Finds the photos of a folder that has a folder for each class, and reads each once. An error if
/// there are fewer than two classes, if a class has no photos, or if a photo is in two classes.
Result<ClassPhotos> find_class_photos(const std::filesystem::path& folder, std::size_t threads);

/// Every class needs two photos, one to train on and one to validate by; an error naming those
/// that have fewer.
Result<void> check_class_sizes(const ClassPhotos& photos);

/// Where the frozen part of the network ends.
enum class FeatureLayer {
  kBlock5Pool,  ///< all dense layers are trained
  kFc2,         ///< the last layer is trained
};

/// What the frozen part of a model makes of photos, computed once and kept in files: one for each
/// model, content of a photo, and view.
class FeatureCache {
 public:
  /// root: the folder of all models' features; it need not exist.
  /// weights: a fingerprint of all of the model's.
  FeatureCache(const std::filesystem::path& root, std::uint64_t weights, const ModelInfo& info,
               FeatureLayer layer, std::size_t views);

  std::size_t width() const { return width_; }
  std::size_t views() const { return views_; }
  const std::filesystem::path& folder() const { return folder_; }

  /// Reads what there is; an error if it is missing or damaged.
  Result<void> read(std::uint64_t content, std::size_t view, std::span<float> features) const;

  struct Outcome {
    std::size_t computed = 0;  ///< photos
    std::size_t cached = 0;
    double seconds = 0;
  };

  /// Computes what is missing, in several threads. Photos that cannot be read are named on standard
  /// error, counted, and removed from `photos`. Stops early once `interrupted` is true; what has
  /// been computed is kept.
  Result<Outcome> fill(const Vgg16& model, ClassPhotos& photos, std::size_t threads,
                       const std::function<bool()>& interrupted) const;

 private:
  std::uint64_t key(std::uint64_t content, std::size_t view) const;
  std::filesystem::path file(std::uint64_t content, std::size_t view) const;
  Result<void> compute(const Vgg16& model, Activations& activations, const ClassPhoto& photo) const;
  Result<void> write(std::uint64_t content, std::size_t view,
                     std::span<const float> features) const;

  FeatureLayer layer_;
  std::size_t views_;
  std::size_t width_;
  std::uint64_t model_key_;
  std::filesystem::path folder_;
};

/// $XDG_CACHE_HOME/gradcam.cpp/features, or the same below ~/.cache; empty if neither is set.
std::filesystem::path default_feature_cache();

}  // namespace gradcam
