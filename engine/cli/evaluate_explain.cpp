#include "cli/evaluate_explain.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "cli/evaluate_explain_totals.h"
#include "cli/files.h"
#include "cli/import.h"
#include "cli/in_order.h"
#include "cli/masks.h"
#include "cli/terminal.h"
#include "cli/threads.h"
#include "gradcam/evaluate/evaluation.h"
#include "gradcam/evaluate/faithfulness.h"
#include "gradcam/evaluate/road.h"
#include "gradcam/evaluate/sanity_check.h"
#include "gradcam/explain/explain.h"
#include "gradcam/image/decode.h"

namespace gradcam {

constexpr std::string_view kHelp = R"(
--explain --json gives, for each of "methods", means over "photos" and their "standard_errors", of
maps at "layer" of the class that the network finds most probable, right or wrong ("failed": how
many more could not be measured):
  average_drop  how much of the probability is lost when only the hot part is shown; low is good
  increase      of how many photos it grows instead; high is good
  insertion     area under the probability while the hottest pixels come first into a blurred
                photo; high is good ("insertion_curve": its points)
  deletion      the same while they are replaced by the mean colour; low is good
  road          with --road: half of by how much more of the probability is left without the coldest
                pixels than without as many of the hottest, over 20, 40, 60 and 80 %, guessed from
                those around them (Rong et al. 2022); high is good, about 0 in random order
                ("road_hottest_first", "road_coldest_first": the probabilities)
  pointing      with --masks: of how many photos the hottest point is on the object
  heat_inside   and how much of the heat
  other_class   rank correlation with the map of another class; near 1, the class does not matter
  randomised    rank correlation with the map after shuffling the weights of the last layers, from
                "predictions" to all ("block1_conv1"); near 1, the weights do not matter; on
                10 photos, by slow methods on 3; those that are "empty" then are left out
  empty         photos without any heat
  milliseconds  for the maps of two classes, on one thread beside whatever else runs
and of what knows nothing of the network or the photo, and what a map must beat: "random_order"
(of the pixels in insertion, deletion and ROAD), "centre" (a round spot in the middle) and
"other_photo" (the Grad-CAM of the photo before).
)";
const std::string_view kExplainEvaluationHelp = kHelp.substr(1);

namespace {

// How many photos have their maps compared with those of shuffled weights.
constexpr std::size_t kShuffledPhotos = 10;
// They are shuffled in so many ways, each for some of these photos.
constexpr std::size_t kSeeds = 3;
// By slow methods: fewer, and only after these many layers.
constexpr std::size_t kShuffledSlowPhotos = 3;
constexpr std::array<std::size_t, 3> kSlowDepths = {1, 3, kLayerNames.size()};

/// What a photo gives.
struct PhotoMeasures {
  Tensor input;
  std::size_t target = 0;
  Measured random_order;  // of pixels, without a map
  Measured centre;
  std::optional<Measured> other_photo;
  // By method; nothing of a slow one that this photo is not for.
  std::vector<std::optional<Measured>> measured;
  std::vector<Heatmap> maps;
};

/// Whether the i-th of n is one of `some`, which are spread evenly.
bool is_among(std::size_t i, std::size_t n, std::size_t some) {
  return (i + 1) * some / n > i * some / n;
}

/// A photo, and what the network made of it.
struct Seen {
  Image image;
  Tensor input;
  Activations activations;
  std::size_t target;  ///< the most probable class
};

Result<Seen> look_at(const Vgg16& model, const LabelledPhoto& photo) {
  GRADCAM_TRY(const std::vector<std::uint8_t> bytes, read_photo(photo.path));
  GRADCAM_TRY(Image image, decode_image(bytes));
  GRADCAM_TRY(Tensor input, preprocess(image, model.info().preprocess));
  GRADCAM_TRY(Activations activations, model.make_activations());
  GRADCAM_CHECK_OK(model.forward(input, activations));
  const std::size_t target = model.predictions(activations).front().index;
  return Seen{std::move(image), std::move(input), std::move(activations), target};
}

/// The Grad-CAM of a photo's most probable class; nothing of a photo that cannot be read, which is
/// complained of in its turn.
Result<std::optional<Heatmap>> another_photos_map(const Vgg16& model, const LabelledPhoto& photo) {
  auto seen = look_at(model, photo);
  if (!seen) return std::nullopt;
  GRADCAM_TRY(std::vector<Heatmap> maps, explain(model, seen->input, seen->activations,
                                                 {{seen->target}}, gradcam::methods().front()));
  return std::move(maps.front());
}

/// What is measured with maps, in the order in which they are.
std::vector<Measured*> with_maps(PhotoMeasures& measures) {
  std::vector<Measured*> all = {&measures.random_order, &measures.centre};
  if (measures.other_photo) all.push_back(&*measures.other_photo);
  for (auto& measured : measures.measured) {
    if (measured) all.push_back(&*measured);
  }
  return all;
}

/// What a map alone tells, without the network.
Measured measure_map(const Heatmap& map, const Image& photo, const Box& crop,
                     const std::optional<Image>& mask) {
  Measured measured;
  measured.is_empty = map.status != HeatmapStatus::kOk;
  if (mask) {
    const MaskAgreement agreement = compare_with_mask(map, crop, photo.width, photo.height, *mask);
    measured.pointing = agreement.pointing;
    measured.heat_inside = agreement.heat_inside;
  }
  return measured;
}

/// @param other_photo one whose map is measured on this one
Result<PhotoMeasures> measure_photo(const Vgg16& model, const LabelledPhoto& photo,
                                    const LabelledPhoto& other_photo, std::size_t number,
                                    bool with_slow, const ExplanationMeasures& measures) {
  PhotoMeasures result;
  std::optional<Heatmap> of_other_photo;
  if (&other_photo != &photo) {
    GRADCAM_TRY(of_other_photo, another_photos_map(model, other_photo));
  }
  GRADCAM_TRY(Seen seen, look_at(model, photo));
  const Image& image = seen.image;
  Activations& activations = seen.activations;
  result.input = std::move(seen.input);
  result.target = seen.target;
  std::optional<Image> mask;
  if (!photo.mask.empty()) {
    GRADCAM_TRY(mask, read_mask(photo.mask, image));
  }
  // Another class, each as often as the others.
  const std::size_t classes = model.classes();
  const std::size_t other =
      classes == 1 ? 0 : (result.target + 1 + number % (classes - 1)) % classes;
  const Box crop = crop_box(model.info().preprocess, image.width, image.height);
  const auto measure = [&](const Heatmap& map) { return measure_map(map, image, crop, mask); };
  std::vector<Heatmap> to_measure = {constant_map(), centre_map()};
  result.centre = measure(to_measure.back());
  if (of_other_photo) {
    result.other_photo = measure(*of_other_photo);
    to_measure.push_back(*std::move(of_other_photo));
  }
  for (const Method& method : measures.methods) {
    if (method.is_slow && !with_slow) {
      result.measured.emplace_back();
      result.maps.emplace_back();
      continue;
    }
    const auto start = std::chrono::steady_clock::now();
    GRADCAM_TRY(std::vector<Heatmap> maps,
                explain(model, result.input, activations, {{result.target, other}}, method));
    const std::chrono::duration<double, std::milli> passed =
        std::chrono::steady_clock::now() - start;
    Heatmap& map = maps.front();
    Measured measured = measure(map);
    measured.milliseconds = passed.count();
    if (classes > 1) measured.other_class = rank_correlation(map, maps.back());
    to_measure.push_back(map);
    result.measured.emplace_back(std::move(measured));
    result.maps.push_back(std::move(map));
  }
  GRADCAM_TRY(const auto plan, plan_faithfulness(model, result.input, result.target, to_measure));
  GRADCAM_TRY(const std::vector<Faithfulness> faithfulness, carry_out(plan, model, activations));
  const std::vector<Measured*> measured = with_maps(result);
  for (std::size_t i = 0; i < measured.size(); ++i) measured[i]->faithfulness = faithfulness[i];
  if (!measures.road) return result;
  GRADCAM_TRY(const auto road_plan, plan_road(model, result.input, result.target, to_measure));
  GRADCAM_TRY(const std::vector<Road> roads, carry_out(road_plan, model, activations));
  for (std::size_t i = 0; i < measured.size(); ++i) measured[i]->road = roads[i];
  return result;
}

/// The maps of a photo by the same model with layers shuffled; by method.
Result<std::vector<std::optional<Heatmap>>> maps_of(const Vgg16& shuffled,
                                                    const PhotoMeasures& photo,
                                                    const std::vector<Method>& methods,
                                                    bool with_slow) {
  GRADCAM_TRY(Activations activations, shuffled.make_activations());
  GRADCAM_CHECK_OK(shuffled.forward(photo.input, activations));
  std::vector<std::optional<Heatmap>> maps(methods.size());
  for (std::size_t i = 0; i < methods.size(); ++i) {
    if (!photo.measured[i] || (methods[i].is_slow && !with_slow)) continue;
    GRADCAM_TRY(auto map,
                explain(shuffled, photo.input, activations, {{photo.target}}, methods[i]));
    maps[i] = std::move(map.front());
  }
  return maps;
}

/// The bytes of a model as a safetensors file. The error names the file.
Result<std::vector<std::uint8_t>> read_model(const std::filesystem::path& path) {
  return of_file(path, is_foreign_model(path) ? import_bytes(path) : read_file(path));
}

/// Compares the maps of the photos that are for a seed with those of the same model with its last
/// layers shuffled.
Result<void> randomise(std::vector<std::uint8_t> file, std::size_t depth, std::size_t seed,
                       const std::vector<PhotoMeasures>& photos, const std::vector<Method>& methods,
                       std::size_t threads, std::vector<MethodTotals>& totals) {
  GRADCAM_CHECK_OK(shuffle_weights(file, depth, seed));
  GRADCAM_TRY(const Vgg16 model, load_vgg16(file));
  const bool with_slow = std::ranges::find(kSlowDepths, depth) != kSlowDepths.end();
  struct Outcome {
    const PhotoMeasures& photo;
    Result<std::vector<std::optional<Heatmap>>> maps;
  };
  Result<void> result;
  const auto deliver = [&](const Outcome& outcome) {
    if (!outcome.maps) {
      result = std::unexpected(outcome.maps.error());
      return;
    }
    for (std::size_t i = 0; i < methods.size(); ++i) {
      const std::optional<Heatmap>& map = (*outcome.maps)[i];
      if (map) totals[i].randomised[depth - 1].add(outcome.photo.maps[i], *map);
    }
  };
  {
    InOrder<Outcome> queue(threads, deliver);
    for (std::size_t number = seed; number < photos.size(); number += kSeeds) {
      queue.push([&, number]() -> Outcome {
        const PhotoMeasures& photo = photos[number];
        return {photo, within_memory([&] {
                  return maps_of(model, photo, methods, with_slow && number < kShuffledSlowPhotos);
                })};
      });
    }
  }
  return result;
}

/// Compares the maps with those of the same model with ever more layers shuffled.
Result<void> randomise(const std::filesystem::path& model_path,
                       const std::vector<PhotoMeasures>& photos, const std::vector<Method>& methods,
                       std::size_t threads, std::vector<MethodTotals>& totals) {
  if (photos.empty()) return {};
  GRADCAM_TRY(const std::vector<std::uint8_t> file, read_model(model_path));
  for (std::size_t depth = 1; depth <= kLayerNames.size(); ++depth) {
    for (std::size_t seed = 0; seed < std::min(kSeeds, photos.size()); ++seed) {
      GRADCAM_CHECK_OK(randomise(file, depth, seed, photos, methods, threads, totals));
    }
    show_progress(depth, kLayerNames.size(), "layers shuffled");
  }
  return {};
}

/// What all photos together say of maps.
class Tally {
 public:
  explicit Tally(const std::vector<Method>& methods)
      : methods_(methods), of_methods_(methods.size()) {}

  void add(PhotoMeasures measures, bool with_slow) {
    ++photos_;
    random_order_.add(measures.random_order);
    centre_.add(measures.centre);
    if (measures.other_photo) other_photo_.add(*measures.other_photo);
    for (std::size_t i = 0; i < methods_.size(); ++i) {
      if (measures.measured[i]) of_methods_[i].add(*measures.measured[i]);
    }
    keep(std::move(measures), with_slow);
  }

  /// Of the photos that were kept.
  Result<void> randomise(const std::filesystem::path& model_path, std::size_t threads) {
    return gradcam::randomise(model_path, kept_, methods_, threads, of_methods_);
  }

  void add_failed() { ++failed_; }

  Json json() const {
    Json list = Json::array();
    for (std::size_t i = 0; i < methods_.size(); ++i) {
      list.push_back(to_json(methods_[i], of_methods_[i]));
    }
    const CurveTotals& curves = random_order_.curves;
    const RoadTotals& road = random_order_.road;
    Json random = curves.json();
    random.update(road.json());
    random["photos"] = photos_;
    random["standard_errors"] = {{"insertion", curves.insertion.standard_error()},
                                 {"deletion", curves.deletion.standard_error()},
                                 {"road", road.score.standard_error()}};
    return {{"photos", photos_},
            {"failed", failed_},
            {"layer", map_layer_name(kBlock5Conv3)},
            {"methods", std::move(list)},
            {"random_order", std::move(random)},
            {"centre", to_json(centre_)},
            {"other_photo", to_json(other_photo_)}};
  }

 private:
  /// Those with maps of slow methods come first, as only the first have them made again.
  void keep(PhotoMeasures measures, bool with_slow) {
    if (with_slow && kept_with_slow_ < kShuffledSlowPhotos) {
      kept_.insert(kept_.begin() + static_cast<std::ptrdiff_t>(kept_with_slow_++),
                   std::move(measures));
      if (kept_.size() > kShuffledPhotos) kept_.pop_back();
    } else if (kept_.size() < kShuffledPhotos) {
      kept_.push_back(std::move(measures));
    }
  }

  const std::vector<Method>& methods_;
  std::vector<MethodTotals> of_methods_;
  MethodTotals random_order_;
  MethodTotals centre_;
  MethodTotals other_photo_;
  std::size_t photos_ = 0;
  std::size_t failed_ = 0;
  std::vector<PhotoMeasures> kept_;  // to be compared with maps of shuffled weights
  std::size_t kept_with_slow_ = 0;
};

/// Photos of the classes, with a mask if there are any with one.
void choose_photos(std::vector<LabelledPhoto>& photos) {
  std::erase_if(photos, [](const LabelledPhoto& photo) { return !photo.label; });
  const auto has_no_mask = [](const LabelledPhoto& photo) { return photo.mask.empty(); };
  if (std::ranges::all_of(photos, has_no_mask)) return;
  if (const std::size_t left_out = std::erase_if(photos, has_no_mask); left_out > 0) {
    complain(counted(left_out, "photo") + " without a mask left out");
  }
}

}  // namespace

Result<Json> evaluate_explanations(const Vgg16& model, const std::filesystem::path& model_path,
                                   std::vector<LabelledPhoto> photos,
                                   const ExplanationMeasures& measures, std::size_t threads,
                                   bool& some_failed) {
  choose_photos(photos);
  const std::size_t limit =
      measures.photos == 0 ? photos.size() : std::min(measures.photos, photos.size());
  const std::size_t slow = measures.slow == 0 ? limit : std::min(measures.slow, limit);
  Tally tally(measures.methods);
  struct Outcome {
    const LabelledPhoto& photo;
    bool with_slow;
    Result<PhotoMeasures> measures;
  };
  std::size_t done = 0;
  const auto deliver = [&](Outcome outcome) {
    show_progress(++done, limit, "photos");
    if (outcome.measures) {
      tally.add(*std::move(outcome.measures), outcome.with_slow);
      return;
    }
    some_failed = true;
    tally.add_failed();
    complain(outcome.photo.path.string(), outcome.measures.error().message);
  };
  {
    InOrder<Outcome> queue(threads, deliver);
    for (std::size_t i = 0; i < limit; ++i) {
      queue.push([&, i]() -> Outcome {
        const auto number = [&](std::size_t n) { return n % limit * photos.size() / limit; };
        const LabelledPhoto& photo = photos[number(i)];
        const LabelledPhoto& other = photos[number(i + limit - 1)];
        const bool with_slow = is_among(i, limit, slow);
        const auto measure = [&] {
          return measure_photo(model, photo, other, i, with_slow, measures);
        };
        return {photo, with_slow, within_memory(measure)};
      });
    }
  }
  if (const auto shuffling = within_memory([&] { return tally.randomise(model_path, threads); });
      !shuffling) {  // which does not take what was measured
    some_failed = true;
    complain("with layers shuffled", shuffling.error().message);
  }
  return tally.json();
}

}  // namespace gradcam
