#include "cli/evaluate_explain.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <optional>
#include <thread>
#include <utility>

#include "cli/explain_totals.h"
#include "cli/files.h"
#include "cli/import.h"
#include "cli/in_order.h"
#include "cli/terminal.h"
#include "cli/threads.h"
#include "gradcam/explain/evaluation.h"
#include "gradcam/explain/explain.h"
#include "gradcam/explain/faithfulness.h"
#include "gradcam/image/decode.h"

namespace gradcam {

constexpr std::string_view kHelp = R"(
--explain --json gives, for each of "methods", means over "photos" and their "standard_errors":
  average_drop  how much of the probability is lost when only the hot part is shown; low is good
  increase      of how many photos it grows instead; high is good
  insertion     area under the probability while the hottest pixels come first into a blurred
                photo; high is good ("insertion_curve": its points)
  deletion      the same while they are replaced by the mean colour; low is good
  pointing      with --masks: of how many photos the hottest point is on the object
  heat_inside   and how much of the heat
  other_class   rank correlation with the map of another class; near 1, the class does not matter
  randomised    rank correlation with the map after shuffling the weights of the last layers, from
                "predictions" to all ("block1_conv1"); near 1, the weights do not matter; on
                10 photos, by slow methods on 3
  empty         photos without any heat
  milliseconds  for the maps of two classes, on one thread beside whatever else runs
and "random_order": insertion and deletion of pixels in random order, which a map must beat.
)";
const std::string_view kExplainEvaluationHelp = kHelp.substr(1);

namespace {

// How many photos have their maps compared with those of shuffled weights.
constexpr std::size_t kShuffledPhotos = 10;
// By slow methods: fewer, and only after these many layers.
constexpr std::size_t kShuffledSlowPhotos = 3;
constexpr std::array<std::size_t, 3> kSlowDepths = {1, 3, kLayerNames.size()};

/// What a photo gives.
struct PhotoMeasures {
  Tensor input;
  std::size_t target = 0;
  Faithfulness random_order;  // of pixels, without a map
  // By method; nothing of a slow one that this photo is not for.
  std::vector<std::optional<Measured>> measured;
  std::vector<Heatmap> maps;
};

/// Whether a mask is a photo of another size, give or take what rounding its sides does.
bool has_shape_of(const Image& mask, const Image& photo) {
  const double height = double{1} * photo.height * mask.width / photo.width;
  const double width = double{1} * photo.width * mask.height / photo.height;
  constexpr double kNear = 0.02;
  return std::abs(height - mask.height) <= std::max(1.0, kNear * height) ||
         std::abs(width - mask.width) <= std::max(1.0, kNear * width);
}

/// Whether the i-th of n is one of `some`, which are spread evenly.
bool is_among(std::size_t i, std::size_t n, std::size_t some) {
  return (i + 1) * some / n > i * some / n;
}

Result<PhotoMeasures> measure_photo(const Vgg16& model, const LabelledPhoto& photo,
                                    std::size_t number, bool with_slow,
                                    const std::vector<Method>& methods) {
  GRADCAM_TRY(const std::vector<std::uint8_t> bytes, read_file(photo.path));
  GRADCAM_TRY(const Image image, decode_image(bytes));
  std::optional<Image> mask;
  if (!photo.mask.empty()) {
    GRADCAM_TRY(mask, read_mask(photo.mask, image));
  }
  GRADCAM_TRY(Activations activations, model.make_activations());
  PhotoMeasures result;
  GRADCAM_TRY(result.input, preprocess(image, model.info().preprocess));
  GRADCAM_CHECK_OK(model.forward(result.input, activations));
  result.target = model.predictions(activations).front().index;
  // Another class, each as often as the others.
  const std::size_t classes = model.classes();
  const std::size_t other =
      classes == 1 ? 0 : (result.target + 1 + number % (classes - 1)) % classes;
  const Box crop = crop_box(model.info().preprocess, image.width, image.height);
  std::vector<Heatmap> to_measure = {constant_map()};
  for (const Method& method : methods) {
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
    Measured measured;
    measured.milliseconds = passed.count();
    measured.is_empty = map.status != HeatmapStatus::kOk;
    if (mask) {
      const MaskAgreement agreement =
          compare_with_mask(map, crop, image.width, image.height, *mask);
      measured.pointing = agreement.pointing;
      measured.heat_inside = agreement.heat_inside;
    }
    if (classes > 1) measured.other_class = rank_correlation(map, maps.back());
    to_measure.push_back(map);
    result.measured.emplace_back(std::move(measured));
    result.maps.push_back(std::move(map));
  }
  GRADCAM_TRY(const auto plan, plan_faithfulness(model, result.input, result.target, to_measure));
  GRADCAM_TRY(std::vector<Faithfulness> faithfulness, carry_out(plan, model, activations));
  auto next = faithfulness.begin();
  result.random_order = std::move(*next++);
  for (auto& measured : result.measured) {
    if (measured) measured->faithfulness = std::move(*next++);
  }
  return result;
}

std::size_t threads() { return std::max(1u, std::thread::hardware_concurrency()); }

/// How the maps of a photo are correlated with those of the same model with layers shuffled; by
/// method.
Result<std::vector<std::optional<double>>> compare_maps(const Vgg16& shuffled,
                                                        const PhotoMeasures& photo,
                                                        const std::vector<Method>& methods,
                                                        bool with_slow) {
  GRADCAM_TRY(Activations activations, shuffled.make_activations());
  GRADCAM_CHECK_OK(shuffled.forward(photo.input, activations));
  std::vector<std::optional<double>> correlations(methods.size());
  for (std::size_t i = 0; i < methods.size(); ++i) {
    if (!photo.measured[i] || (methods[i].is_slow && !with_slow)) continue;
    GRADCAM_TRY(const auto maps,
                explain(shuffled, photo.input, activations, {{photo.target}}, methods[i]));
    correlations[i] = rank_correlation(photo.maps[i], maps.front());
  }
  return correlations;
}

/// The bytes of a model as a safetensors file. The error names the file.
Result<std::vector<std::uint8_t>> read_model(const std::filesystem::path& path) {
  auto bytes = is_foreign_model(path) ? import_bytes(path) : read_file(path);
  if (!bytes) return fail(bytes.error().code, path.string() + ": " + bytes.error().message);
  return bytes;
}

/// Compares the maps with those of the same model with ever more layers shuffled.
Result<void> randomise(const std::filesystem::path& model_path,
                       const std::vector<PhotoMeasures>& photos, const std::vector<Method>& methods,
                       std::vector<MethodTotals>& totals) {
  if (photos.empty()) return {};
  GRADCAM_TRY(const std::vector<std::uint8_t> file, read_model(model_path));
  for (std::size_t depth = 1; depth <= kLayerNames.size(); ++depth) {
    std::vector<std::uint8_t> shuffled = file;
    GRADCAM_CHECK_OK(shuffle_weights(shuffled, depth, 1));
    GRADCAM_TRY(const Vgg16 model, load_vgg16(shuffled));
    const bool with_slow = std::ranges::find(kSlowDepths, depth) != kSlowDepths.end();
    using Correlations = Result<std::vector<std::optional<double>>>;
    Result<void> outcome;
    const auto deliver = [&](const Correlations& correlations) {
      if (!correlations) {
        outcome = std::unexpected(correlations.error());
        return;
      }
      for (std::size_t i = 0; i < methods.size(); ++i) {
        const auto& correlation = (*correlations)[i];
        if (correlation) totals[i].randomised[depth - 1].add(*correlation);
      }
    };
    {
      InOrder<Correlations> queue(threads(), deliver);
      for (std::size_t number = 0; number < photos.size(); ++number) {
        queue.push([&, number] {
          return within_memory([&] {
            return compare_maps(model, photos[number], methods,
                                with_slow && number < kShuffledSlowPhotos);
          });
        });
      }
    }
    GRADCAM_CHECK_OK(outcome);
    show_progress(depth, kLayerNames.size(), "layers shuffled");
  }
  return {};
}

}  // namespace

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

Result<std::vector<Method>> find_methods(const std::vector<std::string>& names) {
  std::vector<Method> found;
  for (const std::string& name : names) {
    if (name == "all") {
      found.assign(methods().begin(), methods().end());
      return found;
    }
    GRADCAM_TRY(const Method method, find_method(name));
    found.push_back(method);
  }
  return found;
}

Result<Json> evaluate_explanations(const Vgg16& model, const std::filesystem::path& model_path,
                                   std::vector<LabelledPhoto> photos,
                                   const std::vector<Method>& methods, ExplanationLimits limits,
                                   bool& some_failed) {
  std::erase_if(photos, [](const LabelledPhoto& photo) { return !photo.label; });
  const auto has_no_mask = [](const LabelledPhoto& photo) { return photo.mask.empty(); };
  if (!std::ranges::all_of(photos, has_no_mask)) std::erase_if(photos, has_no_mask);
  if (limits.photos == 0 || limits.photos > photos.size()) limits.photos = photos.size();
  const std::size_t limit = limits.photos;
  const std::size_t slow = limits.slow == 0 ? limit : std::min(limits.slow, limit);
  std::vector<MethodTotals> totals(methods.size());
  CurveTotals random_order;
  std::vector<PhotoMeasures> kept;
  std::size_t measured = 0;
  struct Outcome {
    const LabelledPhoto& photo;
    bool with_slow;
    Result<PhotoMeasures> measures;
  };
  std::size_t done = 0;
  std::size_t kept_with_slow = 0;
  const auto deliver = [&](Outcome outcome) {
    show_progress(++done, limit, "photos");
    if (!outcome.measures) {
      some_failed = true;
      complain(outcome.photo.path.string(), outcome.measures.error().message);
      return;
    }
    ++measured;
    PhotoMeasures& measures = *outcome.measures;
    random_order.add(measures.random_order);
    for (std::size_t i = 0; i < methods.size(); ++i) {
      if (measures.measured[i]) totals[i].add(*measures.measured[i]);
    }
    // Those with maps of slow methods come first, as only the first have them made again.
    if (outcome.with_slow && kept_with_slow < kShuffledSlowPhotos) {
      kept.insert(kept.begin() + static_cast<std::ptrdiff_t>(kept_with_slow++),
                  std::move(measures));
      if (kept.size() > kShuffledPhotos) kept.pop_back();
    } else if (kept.size() < kShuffledPhotos) {
      kept.push_back(std::move(measures));
    }
  };
  {
    InOrder<Outcome> queue(threads(), deliver);
    for (std::size_t i = 0; i < limit; ++i) {
      queue.push([&, i]() -> Outcome {
        const LabelledPhoto& photo = photos[i * photos.size() / limit];
        const bool with_slow = is_among(i, limit, slow);
        const auto measure = [&] { return measure_photo(model, photo, i, with_slow, methods); };
        return {photo, with_slow, within_memory(measure)};
      });
    }
  }
  const auto shuffling =
      within_memory([&] { return randomise(model_path, kept, methods, totals); });
  if (!shuffling) {  // which does not take what was measured
    some_failed = true;
    complain("with layers shuffled", shuffling.error().message);
  }
  Json list = Json::array();
  for (std::size_t i = 0; i < methods.size(); ++i) list.push_back(to_json(methods[i], totals[i]));
  Json random = random_order.json();
  random["photos"] = measured;
  random["standard_errors"] = {{"insertion", random_order.insertion.standard_error()},
                               {"deletion", random_order.deletion.standard_error()}};
  return Json{{"photos", measured},
              {"layer", map_layer_name(kBlock5Conv3)},
              {"methods", std::move(list)},
              {"random_order", std::move(random)}};
}

}  // namespace gradcam
