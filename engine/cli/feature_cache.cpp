#include "cli/feature_cache.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "cli/files.h"
#include "cli/system.h"
#include "cli/terminal.h"
#include "cli/threads.h"
#include "gradcam/image/decode.h"
#include "gradcam/tensor/text.h"
#include "gradcam/train/feature_record.h"
#include "gradcam/train/views.h"
#include "gradcam/weights/fingerprint.h"

namespace gradcam {
namespace {

namespace fs = std::filesystem;

/// The folders of two or more classes, sorted by name.
Result<std::vector<fs::path>> class_folders(const fs::path& folder) {
  GRADCAM_TRY(std::vector<fs::path> folders, list_folders(folder));
  if (folders.size() < 2) {
    return fail(ErrorCode::kInvalidArgument,
                folder.string() + " has " + counted(folders.size(), "folder") +
                    " in it; expected a folder of photos for each of two or more classes");
  }
  return folders;
}

/// Leaves one photo of each content; an error if that would be of two classes.
Result<void> remove_duplicates(ClassPhotos& photos) {
  std::map<std::uint64_t, const ClassPhoto*> seen;
  std::vector<ClassPhoto> kept;
  std::size_t conflicts = 0;
  for (const ClassPhoto& photo : photos.photos) {
    const auto [first, is_new] = seen.emplace(photo.content, &photo);
    if (is_new) {
      kept.push_back(photo);
    } else if (first->second->label != photo.label) {
      ++conflicts;
      complain(photo.path.string(),
               "the same photo as " + first->second->path.string() + ", but in another class");
    } else {
      ++photos.duplicates;
      complain(photo.path.string(), "left out, the same photo as " + first->second->path.string());
    }
  }
  if (conflicts > 0) {
    return fail(ErrorCode::kInvalidArgument, std::to_string(conflicts) +
                                                 (conflicts == 1 ? " photo is" : " photos are") +
                                                 " in two classes: remove each from one of them");
  }
  photos.photos = std::move(kept);
  return {};
}

std::string class_names(const ClassPhotos& photos, const std::vector<std::size_t>& classes) {
  return internal::joined(classes, [&](std::size_t c) { return photos.labels[c]; });
}

}  // namespace

Result<ClassPhotos> find_class_photos(const fs::path& folder, std::size_t threads) {
  GRADCAM_TRY(const std::vector<fs::path> folders, class_folders(folder));
  ClassPhotos result;
  for (const fs::path& path : folders) {
    std::vector<fs::path> found;
    if (const auto status = list_photos(path, found); !status) {
      if (found.empty()) {
        return of_file(path, status.error());
      }
      ++result.unreadable;
      complain(path.string(), status.error().message);
    }
    for (const fs::path& photo : found) {
      result.photos.push_back({.path = photo, .label = result.labels.size(), .content = 0});
    }
    result.labels.push_back(path.filename().string());
  }
  std::vector<std::optional<Error>> errors(result.photos.size());
  run_in_threads(threads, result.photos.size(), [&](std::size_t i) {
    const auto bytes = within_memory([&] { return read_photo(result.photos[i].path); });
    if (!bytes) {
      errors[i] = bytes.error();
      return;
    }
    Fingerprint content;
    content.add(*bytes);
    content.add(std::uint64_t{bytes->size()});
    result.photos[i].content = content.value();
  });
  std::vector<ClassPhoto> readable;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    if (!errors[i]) {
      readable.push_back(std::move(result.photos[i]));
      continue;
    }
    ++result.unreadable;
    complain(result.photos[i].path.string(), errors[i]->message);
  }
  result.photos = std::move(readable);
  GRADCAM_CHECK_OK(remove_duplicates(result));
  return result;
}

Result<void> check_class_sizes(const ClassPhotos& photos) {
  std::vector<std::size_t> counts(photos.labels.size());
  for (const ClassPhoto& photo : photos.photos) ++counts[photo.label];
  std::vector<std::size_t> empty;
  std::vector<std::size_t> single;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] == 0) empty.push_back(c);
    if (counts[c] == 1) single.push_back(c);
  }
  if (!empty.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "no photo can be read of: " + class_names(photos, empty));
  }
  if (!single.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "a class needs two photos, one to train on and one to validate by; there is one "
                "of: " +
                    class_names(photos, single));
  }
  return {};
}

FeatureCache::FeatureCache(const fs::path& root, std::uint64_t weights, const ModelInfo& info,
                           FeatureLayer layer, std::size_t views)
    : layer_(layer), views_(views) {
  Fingerprint model;
  model.add(weights);
  model.add(to_json(info.preprocess));
  for (const LayerInfo& l : info.layers) model.add(l.algorithm);
  model.add(std::uint64_t{layer == FeatureLayer::kFc2});
  model_key_ = model.value();
  folder_ = root / model.hex();
  const Shape& fc1 = info.layers[kFc1].weight;
  const Shape& predictions = info.layers.back().weight;
  width_ = layer == FeatureLayer::kFc2 ? predictions[1] : fc1[1];
}

std::uint64_t FeatureCache::key(std::uint64_t content, std::size_t view) const {
  Fingerprint key;
  key.add(model_key_);
  key.add(content);
  key.add(std::uint64_t{view});
  return key.value();
}

fs::path FeatureCache::file(std::uint64_t content, std::size_t view) const {
  Fingerprint name;
  name.add(content);
  return folder_ / (name.hex() + "-" + std::to_string(view));
}

Result<void> FeatureCache::read(std::uint64_t content, std::size_t view,
                                std::span<float> features) const {
  const fs::path path = file(content, view);
  GRADCAM_TRY(const auto record, of_file(path, read_file(path)));
  return of_file(path, parse_features(record, key(content, view), features));
}

Result<void> FeatureCache::write(std::uint64_t content, std::size_t view,
                                 std::span<const float> features) const {
  return write_file(file(content, view), serialize_features(key(content, view), features));
}

Result<void> FeatureCache::compute(const Vgg16& model, Activations& activations,
                                   const ClassPhoto& photo) const {
  const Preprocess& spec = model.info().preprocess;
  const auto prepare = [&](std::size_t view, const Image& image) -> Result<void> {
    const Box crop = crop_box(spec, image.width, image.height);
    GRADCAM_TRY(const Tensor input, preprocess_view(image, spec, crop, view));
    return model.forward(input, activations);
  };
  GRADCAM_TRY(const std::vector<std::uint8_t> bytes, read_photo(photo.path));
  GRADCAM_TRY(const Image image, decode_image(bytes));
  std::vector<float> old(width_);
  for (std::size_t view = 0; view < views_; ++view) {
    if (read(photo.content, view, old)) continue;
    GRADCAM_CHECK_OK(prepare(view, image));
    const Tensor& features =
        layer_ == FeatureLayer::kFc2 ? activations.fc2 : activations.block5_pool;
    if (auto written = write(photo.content, view, features.values()); !written) {
      // Not the photo's fault.
      return fail(ErrorCode::kInternal, written.error().message);
    }
  }
  return {};
}

Result<FeatureCache::Outcome> FeatureCache::fill(const Vgg16& model, ClassPhotos& photos,
                                                 std::size_t threads,
                                                 const std::function<bool()>& interrupted) const {
  const auto start = std::chrono::steady_clock::now();
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) {
    return fail(ErrorCode::kUnreadableFile,
                folder_.string() + " cannot be made: " + error.message());
  }
  Outcome outcome;
  const std::size_t count = photos.photos.size();
  std::vector<bool> failed(count);
  std::mutex mutex;
  std::atomic<std::size_t> next = 0;
  std::size_t done = 0;
  std::optional<Error> fatal;
  const auto stop = [&] {
    const std::lock_guard lock(mutex);
    return fatal.has_value() || interrupted();
  };
  run_in_threads(threads, std::min(threads, count), [&](std::size_t) {
    // Made for the first photo that needs them: they may be gigabytes.
    std::optional<Activations> activations;
    std::vector<float> old(width_);
    for (std::size_t i = next++; i < count && !stop(); i = next++) {
      const ClassPhoto& photo = photos.photos[i];
      bool cached = true;
      for (std::size_t view = 0; view < views_ && cached; ++view) {
        cached = read(photo.content, view, old).has_value();
      }
      Result<void> status;
      if (!cached) {
        status = within_memory([&]() -> Result<void> {
          if (!activations) {
            GRADCAM_TRY(activations, model.make_activations());
          }
          return compute(model, *activations, photo);
        });
      }
      const std::lock_guard lock(mutex);
      show_progress(++done, count, "photos seen by the frozen layers");
      ++(cached ? outcome.cached : outcome.computed);
      if (status) continue;
      --outcome.computed;
      if (status.error().code == ErrorCode::kInternal ||
          status.error().code == ErrorCode::kOutOfMemory) {
        fatal = status.error();
        return;
      }
      failed[i] = true;
      ++photos.unreadable;
      complain(photo.path.string(), status.error().message);
    }
  });
  if (fatal) return std::unexpected(*fatal);
  std::vector<ClassPhoto> readable;
  for (std::size_t i = 0; i < count; ++i) {
    if (!failed[i]) readable.push_back(std::move(photos.photos[i]));
  }
  photos.photos = std::move(readable);
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return outcome;
}

fs::path default_feature_cache() {
  const fs::path folder = cache_folder();
  return folder.empty() ? folder : folder / "gradcam.cpp" / "features";
}

}  // namespace gradcam
