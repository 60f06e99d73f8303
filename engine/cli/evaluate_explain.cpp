#include "cli/evaluate_explain.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <numeric>
#include <utility>

#include "cli/files.h"
#include "explain/evaluation.h"
#include "explain/explain.h"
#include "explain/faithfulness.h"
#include "image/decode.h"

namespace gradcam {

constexpr std::string_view kHelp = R"(
--explain --json gives, for each of "methods":
  average_drop  how much of the probability is lost when only the hot part is shown; low is good
  increase      of how many photos it grows instead; high is good
  insertion     area under the probability while the hottest pixels come first into a blurred
                photo; high is good ("insertion_curve": its points)
  deletion      the same while they are replaced by the mean colour; low is good
  pointing      with --masks: of how many photos the hottest point is on the object
  heat_inside   and how much of the heat
  other_class   rank correlation with the map of another class; near 1, the class does not matter
  randomised    rank correlation with the map after shuffling the weights of the last layers, from
                "predictions" to all ("block1_conv1"); near 1, the weights do not matter
  empty         photos without any heat
  milliseconds  for a map, on one thread beside whatever else runs
)";
const std::string_view kExplainEvaluationHelp = kHelp.substr(1);

namespace {

constexpr std::size_t kShuffledPhotos =
    3;  // whose maps are compared with those of shuffled weights
// Slow methods: only the first photo, and only after these many layers.
constexpr std::array<std::size_t, 3> kSlowDepths = {1, 3, kLayerNames.size()};

struct Mean {
  double sum = 0;
  std::size_t count = 0;

  void add(double value) {
    sum += value;
    ++count;
  }
  Json json() const { return count == 0 ? Json() : Json(sum / static_cast<double>(count)); }
};

struct MethodTotals {
  Mean drop;
  Mean increase;
  Mean insertion;
  Mean deletion;
  std::array<Mean, kCurveSteps + 1> insertion_curve;
  std::array<Mean, kCurveSteps + 1> deletion_curve;
  Mean pointing;
  Mean heat_inside;
  Mean other_class;
  Mean milliseconds;
  std::size_t empty = 0;
  std::array<Mean, kLayerNames.size()> randomised;  // by how many layers are shuffled, less one
};

/// A photo whose maps are compared with those of shuffled weights.
struct Kept {
  Tensor input;
  std::size_t target;
  std::vector<Heatmap> maps;  // by method
};

void show(const std::string& what) {
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r%-70s\r", what.c_str());
}

Result<Image> read_mask(const std::filesystem::path& path) {
  const auto bytes = read_file(path);
  auto mask = bytes ? decode_image(*bytes) : Result<Image>(std::unexpected(bytes.error()));
  if (mask) return mask;
  return fail(mask.error().code, "its mask " + path.string() + ": " + mask.error().message);
}

/// The input and the maps of a photo, added to the totals.
Result<Kept> measure_photo(const Vgg16& model, Activations& activations, Activations& scratch,
                           const LabelledPhoto& photo, std::size_t number,
                           const std::vector<Method>& methods, std::vector<MethodTotals>& totals) {
  GRADCAM_TRY(const std::vector<std::uint8_t> bytes, read_file(photo.path));
  GRADCAM_TRY(const Image image, decode_image(bytes));
  std::optional<Image> mask;
  if (!photo.mask.empty()) {
    GRADCAM_TRY(mask, read_mask(photo.mask));
  }
  Kept kept;
  GRADCAM_TRY(kept.input, preprocess(image, model.info().preprocess));
  GRADCAM_CHECK_OK(model.forward(kept.input, activations));
  kept.target = model.predictions(activations).front().index;
  // Another class, each as often as the others.
  const std::size_t classes = model.classes();
  const std::size_t other = classes == 1 ? 0 : (kept.target + 1 + number % (classes - 1)) % classes;
  GRADCAM_TRY(FaithfulnessMeter meter,
              FaithfulnessMeter::create(model, kept.input, kept.target, kCurveSteps, scratch));
  const Box crop = crop_box(model.info().preprocess, image.width, image.height);
  for (std::size_t i = 0; i < methods.size(); ++i) {
    MethodTotals& total = totals[i];
    const auto start = std::chrono::steady_clock::now();
    GRADCAM_TRY(std::vector<Heatmap> maps,
                explain(model, kept.input, activations, {{kept.target, other}}, methods[i]));
    const std::chrono::duration<double, std::milli> passed =
        std::chrono::steady_clock::now() - start;
    Heatmap& map = maps.front();
    GRADCAM_TRY(const Faithfulness faithfulness, meter.measure(map));
    total.milliseconds.add(passed.count());
    total.empty += map.status == HeatmapStatus::kOk ? 0 : 1;
    total.drop.add(faithfulness.drop);
    total.increase.add(faithfulness.increase ? 1 : 0);
    total.insertion.add(faithfulness.insertion);
    total.deletion.add(faithfulness.deletion);
    for (std::size_t step = 0; step <= kCurveSteps; ++step) {
      total.insertion_curve[step].add(faithfulness.insertion_curve[step]);
      total.deletion_curve[step].add(faithfulness.deletion_curve[step]);
    }
    if (mask) {
      const MaskAgreement agreement =
          compare_with_mask(map, crop, image.width, image.height, *mask);
      total.pointing.add(agreement.pointing ? 1 : 0);
      total.heat_inside.add(agreement.heat_inside);
    }
    if (classes > 1) total.other_class.add(rank_correlation(map, maps.back()));
    kept.maps.push_back(std::move(map));
  }
  return kept;
}

/// Compares the maps with those of the same model with ever more layers shuffled.
Result<void> randomise(const std::filesystem::path& model_path, const std::vector<Kept>& photos,
                       const std::vector<Method>& methods, std::vector<MethodTotals>& totals) {
  GRADCAM_TRY(const std::vector<std::uint8_t> file, read_file(model_path));
  for (std::size_t depth = 1; depth <= kLayerNames.size(); ++depth) {
    show("shuffling " + std::to_string(depth) + " of " + std::to_string(kLayerNames.size()) +
         " layers");
    std::vector<std::uint8_t> shuffled = file;
    GRADCAM_CHECK_OK(shuffle_weights(shuffled, depth, 1));
    GRADCAM_TRY(const Vgg16 model, load_vgg16(shuffled));
    GRADCAM_TRY(Activations activations, model.make_activations());
    for (std::size_t number = 0; number < photos.size(); ++number) {
      const Kept& photo = photos[number];
      GRADCAM_CHECK_OK(model.forward(photo.input, activations));
      for (std::size_t i = 0; i < methods.size(); ++i) {
        if (methods[i].is_slow &&
            (number > 0 || std::ranges::find(kSlowDepths, depth) == kSlowDepths.end())) {
          continue;
        }
        GRADCAM_TRY(const auto maps,
                    explain(model, photo.input, activations, {{photo.target}}, methods[i]));
        totals[i].randomised[depth - 1].add(rank_correlation(photo.maps[i], maps.front()));
      }
    }
  }
  return {};
}

Json to_json(const Method& method, const MethodTotals& total) {
  const auto curve = [](const auto& points) {
    Json list = Json::array();
    for (const Mean& point : points) list.push_back(point.json());
    return list;
  };
  Json randomised = Json::array();
  for (std::size_t depth = 1; depth <= kLayerNames.size(); ++depth) {
    const Mean& mean = total.randomised[depth - 1];
    if (mean.count == 0) continue;
    randomised.push_back(
        {{"layer", kLayerNames[kLayerNames.size() - depth]}, {"correlation", mean.json()}});
  }
  return {{"method", method.name},
          {"title", method.title},
          {"average_drop", total.drop.json()},
          {"increase", total.increase.json()},
          {"insertion", total.insertion.json()},
          {"deletion", total.deletion.json()},
          {"insertion_curve", curve(total.insertion_curve)},
          {"deletion_curve", curve(total.deletion_curve)},
          {"pointing", total.pointing.json()},
          {"heat_inside", total.heat_inside.json()},
          {"other_class", total.other_class.json()},
          {"randomised", std::move(randomised)},
          {"empty", total.empty},
          {"milliseconds", total.milliseconds.json()}};
}

}  // namespace

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
                                   const std::vector<Method>& methods, std::size_t limit,
                                   bool& some_failed) {
  std::erase_if(photos, [](const LabelledPhoto& photo) { return !photo.label; });
  const auto has_no_mask = [](const LabelledPhoto& photo) { return photo.mask.empty(); };
  if (!std::ranges::all_of(photos, has_no_mask)) std::erase_if(photos, has_no_mask);
  if (limit == 0 || limit > photos.size()) limit = photos.size();
  std::vector<MethodTotals> totals(methods.size());
  std::vector<Kept> kept;
  GRADCAM_TRY(Activations activations, model.make_activations());
  GRADCAM_TRY(Activations scratch, model.make_activations());
  std::size_t measured = 0;
  for (std::size_t i = 0; i < limit; ++i) {
    show(std::to_string(i) + " of " + std::to_string(limit) + " photos");
    const LabelledPhoto& photo = photos[i * photos.size() / limit];
    std::vector<MethodTotals> before = totals;
    auto outcome = measure_photo(model, activations, scratch, photo, i, methods, totals);
    if (!outcome) {
      totals = std::move(before);
      some_failed = true;
      std::cerr << "gradcam: " << photo.path.string() << ": " << outcome.error().message
                << std::endl;
      continue;
    }
    ++measured;
    if (kept.size() < kShuffledPhotos) kept.push_back(*std::move(outcome));
  }
  GRADCAM_CHECK_OK(randomise(model_path, kept, methods, totals));
  show("");
  Json list = Json::array();
  for (std::size_t i = 0; i < methods.size(); ++i) list.push_back(to_json(methods[i], totals[i]));
  return Json{{"photos", measured},
              {"randomised_photos", kept.size()},
              {"layer", map_layer_name(kBlock5Conv3)},
              {"methods", std::move(list)}};
}

void print_explanations(const Json& result) {
  std::printf("%zu photos, maps of the most probable class\n%-18s",
              result["photos"].get<std::size_t>(), "");
  const std::array keys = {"average_drop", "increase",    "insertion",  "deletion",
                           "pointing",     "heat_inside", "other_class"};
  for (const char* key : keys) std::printf("%13s", key);
  std::printf("%13s%13s\n", "fc1 shuffled", "all shuffled");
  const auto print = [](const Json& value) {
    value.is_number() ? std::printf("%13.3f", value.get<double>()) : std::printf("%13s", "-");
  };
  for (const Json& method : result["methods"]) {
    std::printf("%-18s", method["method"].get<std::string>().c_str());
    for (const char* key : keys) print(method[key]);
    for (const char* layer : {"fc1", "block1_conv1"}) {
      Json found;
      for (const Json& each : method["randomised"]) {
        if (each["layer"] == layer) found = each["correlation"];
      }
      print(found);
    }
    std::printf("\n");
  }
}

}  // namespace gradcam
