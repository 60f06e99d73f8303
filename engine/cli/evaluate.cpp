#include <algorithm>
#include <atomic>
#include <cstdio>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/evaluate_explain.h"
#include "cli/evaluate_explain_totals.h"
#include "cli/files.h"
#include "cli/labelled_photos.h"
#include "cli/masks.h"
#include "cli/terminal.h"
#include "cli/threads.h"
#include "gradcam/evaluate/evaluation.h"
#include "gradcam/explain/certainty.h"
#include "gradcam/explain/closer.h"
#include "gradcam/explain/grad_cam.h"
#include "gradcam/explain/json.h"
#include "gradcam/image/decode.h"

namespace gradcam {
namespace {

namespace fs = std::filesystem;

struct EvaluateOptions {
  fs::path folder;
  fs::path model;
  fs::path head;
  fs::path masks;
  fs::path others;
  bool closer = false;
  bool explain = false;
  std::vector<std::string> methods = {"all"};
  ExplanationMeasures measures{.methods = {}, .slow = 30};
  std::size_t threads = processors();
  bool json = false;
};

/// What --help says of --json without --explain.
constexpr std::string_view kEvaluationHelp = R"(
--json gives:
  photos, failed    how many were evaluated, and how many of the others could not be read
  top1, top5        of how many, as a share, their class is the most probable, or among five
  ece               expected calibration error: how far probabilities are from how often it is right
                    top1, top5 and ece are null if no photo could be read
  per_class         "label", "photos" and "top1" of each class, null without photos
  confusion         a row for each class: how many of its photos are taken for the first, second, ...
  mistakes          "photo", its class as "label", what it is "taken_for" and with what
                    "probability"; the greatest first
  sure, top1_sure   of how many the model is sure, and how many of those are right
  taken_for_others  of how many it is more probable that they show none of the classes; only if the
                    model knows such photos
  others            with --others: "photos", of how many it is "sure", and how many are "recognised"
                    as showing none of the classes; null if none of them could be read
  masks             with --masks: how many photos have one that fits
  masks_failed      and how many have one that could not be used
  pointing          of how many of these the hottest point of the Grad-CAM is on the object: that
                    of the photo's own class, be it the most probable or not
  heat_inside       and how much of the heat is
  localised         and of how many the box around what is warm overlaps with the smallest one around
                    the object by half of their union or more (Zhou et al. 2016); these three are
                    null if no mask could be used
)";

/// A photo that is taken for another class.
struct Mistake {
  std::size_t photo;
  std::size_t label;
  Prediction taken_for;
};

/// What all photos together say.
struct Totals {
  explicit Totals(std::size_t classes) : evaluation(classes) {}

  Evaluation evaluation;
  std::vector<Mistake> mistakes;
  std::size_t sure = 0;  // photos, see Certainty
  std::size_t sure_right = 0;
  std::size_t taken_for_others =
      0;                   // photos with less than half of the probability for all classes
  std::size_t others = 0;  // photos that show none of the classes
  std::size_t others_sure = 0;
  std::size_t others_recognised = 0;
  std::size_t failed = 0;
  std::size_t masks = 0;
  std::size_t masks_failed = 0;
  std::size_t pointing = 0;
  double heat_inside = 0;
  std::size_t localised = 0;
};

struct Answer {
  std::vector<Prediction> predictions;
  float others;                                    // the probability of none of the classes
  Result<std::optional<MaskAgreement>> agreement;  // an error of the mask is not the photo's
};

/// @param closer looks again, as `gradcam explain --closer`
Result<Answer> evaluate_photo(const Vgg16& model, Activations& activations,
                              const LabelledPhoto& photo, bool closer) {
  GRADCAM_TRY(const std::vector<std::uint8_t> bytes, read_photo(photo.path));
  GRADCAM_TRY(const Image image, decode_image(bytes));
  Box crop = crop_box(model.info().preprocess, image.width, image.height);
  const auto look = [&]() -> Result<void> {
    GRADCAM_TRY(const Tensor input, preprocess(image, model.info().preprocess, crop));
    return model.forward(input, activations);
  };
  GRADCAM_CHECK_OK(look());
  if (closer) {
    const std::size_t best = model.predictions(activations).front().index;
    GRADCAM_TRY(const auto maps, grad_cam(model, activations, {{best}}));
    crop = closer_box(maps.front(), crop, image);
    GRADCAM_CHECK_OK(look());
  }
  Answer answer{.predictions = model.predictions(activations),
                .others = model.others_probability(activations),
                .agreement = std::nullopt};
  if (photo.label && !photo.mask.empty()) {
    const auto mask = read_mask(photo.mask, image);
    if (!mask) {
      answer.agreement = std::unexpected(mask.error());
      return answer;
    }
    GRADCAM_TRY(const auto maps, grad_cam(model, activations, {{*photo.label}}));
    answer.agreement = compare_with_mask(maps.front(), crop, image.width, image.height, *mask);
  }
  return answer;
}

Result<Totals> evaluate_all(const Vgg16& model, const std::vector<LabelledPhoto>& photos,
                            bool closer, std::size_t threads) {
  Totals totals(model.classes());
  std::mutex mutex;
  std::atomic<std::size_t> next = 0;
  std::size_t done = 0;
  std::optional<Error> fatal;
  const auto work = [&](std::size_t) {
    auto activations = model.make_activations();
    if (!activations) {  // without this thread it takes longer
      const std::lock_guard lock(mutex);
      fatal = activations.error();
      return;
    }
    for (std::size_t i = next++; i < photos.size(); i = next++) {
      const auto outcome =
          within_memory([&] { return evaluate_photo(model, *activations, photos[i], closer); });
      const std::lock_guard lock(mutex);
      show_progress(++done, photos.size(), "photos");
      if (!outcome) {
        ++totals.failed;
        complain(photos[i].path.string(), outcome.error().message);
        continue;
      }
      const Prediction& best = outcome->predictions.front();
      const Certainty certainty =
          certainty_of(outcome->predictions, outcome->others, model.info().metadata);
      const bool sure = certainty == Certainty::kSure;
      const bool is_other = certainty == Certainty::kOthers;
      if (!photos[i].label) {
        ++totals.others;
        totals.others_sure += sure ? 1 : 0;
        totals.others_recognised += is_other ? 1 : 0;
        continue;
      }
      totals.evaluation.add(*photos[i].label, outcome->predictions);
      if (best.index != *photos[i].label) totals.mistakes.push_back({i, *photos[i].label, best});
      totals.taken_for_others += is_other ? 1 : 0;
      totals.sure += sure ? 1 : 0;
      totals.sure_right += sure && best.index == *photos[i].label ? 1 : 0;
      if (!outcome->agreement) {
        ++totals.masks_failed;
        complain(photos[i].path.string(), outcome->agreement.error().message);
      } else if (const auto& agreement = *outcome->agreement) {
        ++totals.masks;
        totals.pointing += agreement->pointing ? 1 : 0;
        totals.heat_inside += agreement->heat_inside;
        totals.localised += agreement->box_iou >= 0.5 ? 1 : 0;
      }
    }
  };
  // Each has activations of its own, which may be gigabytes.
  run_in_threads(threads, std::min(threads, photos.size()), work);
  if (fatal && done < photos.size()) return std::unexpected(*fatal);
  std::ranges::sort(totals.mistakes, {}, [](const Mistake& mistake) {
    return std::pair(-mistake.taken_for.probability, mistake.photo);
  });
  return totals;
}

Json to_json(const Totals& totals, const std::vector<LabelledPhoto>& photos, const ModelInfo& info,
             const EvaluateOptions& options) {
  const std::vector<std::string>& labels = info.metadata.labels;
  const Evaluation& e = totals.evaluation;
  Json per_class = Json::array();
  for (std::size_t i = 0; i < e.confusion().size(); ++i) {
    std::size_t of_class = 0;
    for (const std::size_t count : e.confusion()[i]) of_class += count;
    const double right = static_cast<double>(e.confusion()[i][i]);
    per_class.push_back(
        {{"label", labels[i]},
         {"photos", of_class},
         {"top1", of_class == 0 ? Json() : Json(right / static_cast<double>(of_class))}});
  }
  Json mistakes = Json::array();
  for (const auto& [photo, label, taken_for] : totals.mistakes) {
    mistakes.push_back({{"photo", photos[photo].path.string()},
                        {"label", labels[label]},
                        {"taken_for", labels[taken_for.index]},
                        {"probability", taken_for.probability}});
  }
  const auto of_photos = [&](double value) { return e.photos() == 0 ? Json() : Json(value); };
  Json result = {{"photos", e.photos()},
                 {"failed", totals.failed},
                 {"top1", of_photos(e.top1())},
                 {"top5", of_photos(e.top5())},
                 {"ece", of_photos(e.expected_calibration_error())},
                 {"per_class", std::move(per_class)},
                 {"confusion", e.confusion()},
                 {"mistakes", std::move(mistakes)}};
  const auto share = [](std::size_t part, std::size_t whole) {
    return whole == 0 ? Json() : Json(static_cast<double>(part) / static_cast<double>(whole));
  };
  result["sure"] = share(totals.sure, e.photos());
  result["top1_sure"] = share(totals.sure_right, totals.sure);
  const bool knows_others = !info.metadata.others.empty();
  if (knows_others) result["taken_for_others"] = share(totals.taken_for_others, e.photos());
  if (!options.others.empty()) {
    result["others"] = {{"photos", totals.others},
                        {"sure", share(totals.others_sure, totals.others)}};
    if (knows_others) {
      result["others"]["recognised"] = share(totals.others_recognised, totals.others);
    }
  }
  if (!options.masks.empty()) {
    const auto of_masks = [&](double value) {
      return totals.masks == 0 ? Json() : Json(value / static_cast<double>(totals.masks));
    };
    result["masks"] = totals.masks;
    result["masks_failed"] = totals.masks_failed;
    result["pointing"] = of_masks(static_cast<double>(totals.pointing));
    result["heat_inside"] = of_masks(totals.heat_inside);
    result["localised"] = of_masks(static_cast<double>(totals.localised));
  }
  return result;
}

void print_text(const Json& result) {
  const auto percent = [&](const char* key) { return result[key].get<double>() * 100; };
  const auto photos = result["photos"].get<std::size_t>();
  if (photos == 0) {
    std::printf("0 photos: top-1 -, top-5 -, expected calibration error -\n");
  } else {
    std::printf("%s: top-1 %.1f %%, top-5 %.1f %%, expected calibration error %.3f\n",
                counted(photos, "photo").c_str(), percent("top1"), percent("top5"),
                result["ece"].get<double>());
  }
  if (result.contains("masks") && result["pointing"].is_number()) {
    std::printf(
        "%s: maximum on the object %.1f %%, heat on the object %.1f %%, localised %.1f %%\n",
        counted(result["masks"].get<std::size_t>(), "mask").c_str(), percent("pointing"),
        percent("heat_inside"), percent("localised"));
  }
  if (result["top1_sure"].is_number()) {
    std::printf("sure of %.1f %%, of which %.1f %% are right\n", percent("sure"),
                percent("top1_sure"));
  }
  if (result.contains("taken_for_others") && result["taken_for_others"].is_number()) {
    std::printf("taken for none of the classes: %.1f %%\n", percent("taken_for_others"));
  }
  if (result.contains("others") && result["others"]["sure"].is_number()) {
    const Json& others = result["others"];
    std::printf("%s of none of the classes: sure of %.1f %%",
                counted(others["photos"].get<std::size_t>(), "photo").c_str(),
                others["sure"].get<double>() * 100);
    if (others.contains("recognised")) {
      std::printf(", recognised %.1f %%", others["recognised"].get<double>() * 100);
    }
    std::printf("\n");
  }
  const Json& per_class = result["per_class"];
  const Json& confusion = result["confusion"];
  for (std::size_t i = 0; i < per_class.size(); ++i) {
    const auto of_class = per_class[i]["photos"].get<std::size_t>();
    if (of_class == 0) continue;
    std::printf("  %-24s %5zu %-6s  top-1 %5.1f %%",
                per_class[i]["label"].get<std::string>().c_str(), of_class,
                of_class == 1 ? "photo" : "photos", per_class[i]["top1"].get<double>() * 100);
    std::size_t most = 0;
    std::size_t other = i;
    for (std::size_t j = 0; j < confusion[i].size(); ++j) {
      const auto count = confusion[i][j].get<std::size_t>();
      if (j != i && count > most) {
        most = count;
        other = j;
      }
    }
    if (other != i) {
      std::printf("   taken for %s: %zu", per_class[other]["label"].get<std::string>().c_str(),
                  most);
    }
    std::printf("\n");
  }
  const Json& mistakes = result["mistakes"];
  constexpr std::size_t kMost = 5;
  for (const Json& mistake : mistakes | std::views::take(kMost)) {
    std::printf("  %s: taken for %s, %.1f %%\n",
                printable(mistake["photo"].get<std::string>()).c_str(),
                mistake["taken_for"].get<std::string>().c_str(),
                mistake["probability"].get<double>() * 100);
  }
  if (mistakes.size() > kMost) {
    std::printf("  and %s, which --json lists\n",
                counted(mistakes.size() - kMost, "other mistake").c_str());
  }
}

Result<Json> run_evaluate(const EvaluateOptions& options, bool& some_failed) {
  ExplanationMeasures measures = options.measures;
  GRADCAM_TRY(measures.methods, find_methods(options.methods));
  if (options.explain && !options.head.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "--explain shuffles the weights of one whole file; leave out --head");
  }
  GRADCAM_TRY(const fs::path path, find_model(options.model));
  LoadOptions load;
  GRADCAM_TRY(load.head, load_head(options.head));
  GRADCAM_TRY(Vgg16 model, of_file(path, load_model(path, load)));
  GRADCAM_TRY(const MaskFinder masks, MaskFinder::create(options.masks));
  GRADCAM_TRY(auto photos, labelled_photos(options.folder, model.info(), masks, some_failed));
  const auto has_mask = [](const LabelledPhoto& photo) { return !photo.mask.empty(); };
  if (!options.masks.empty() && std::ranges::none_of(photos, has_mask)) {
    return fail(ErrorCode::kInvalidArgument,
                options.masks.string() + " has a mask for none of the photos");
  }
  if (!options.others.empty()) {
    GRADCAM_TRY(const auto others, other_photos(options.others));
    photos.insert(photos.end(), others.begin(), others.end());
  }
  if (options.explain) {
    return evaluate_explanations(model, path, std::move(photos), measures, options.threads,
                                 some_failed);
  }
  GRADCAM_TRY(const Totals totals, evaluate_all(model, photos, options.closer, options.threads));
  some_failed |= totals.failed + totals.masks_failed > 0;
  return to_json(totals, photos, model.info(), options);
}

}  // namespace

void add_evaluate(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* command = app.add_subcommand(
      "evaluate", "Measure how often a model is right, and whether it looks at the object.");
  add_path_option(*command, "folder", options->folder, "A folder of photos for each class")
      ->required();
  add_model_option(*command, options->model);
  add_head_option(*command, options->head);
  add_path_option(*command, "--masks", options->masks,
                  "Where the object is: <class>/<photo>.png, or as a MANIFEST.tsv there says. In "
                  "pictures with transparency it is what is opaque, in others what is not "
                  "black: at least half as bright as the brightest pixel. With --explain, photos "
                  "that have none are left out");
  CLI::Option* others =
      add_path_option(*command, "--others", options->others,
                      "Photos of none of the classes, as a folder or folders in it: how often the "
                      "model is sure of them");
  CLI::Option* closer = command->add_flag(
      "--closer", options->closer, "Look at each photo again, as gradcam explain --closer does");
  CLI::Option* explain = command->add_flag(
      "--explain", options->explain,
      "Measure the heatmaps instead: whether they show what the network used, see below");
  with_commas(command->add_option("--method", options->methods,
                                  "With --explain: these methods, separated by commas, or all"))
      ->needs(explain);
  command
      ->add_option("--limit", options->measures.photos,
                   "With --explain: so many photos, spread over the folder (default: all)")
      ->needs(explain);
  command
      ->add_option("--limit-slow", options->measures.slow,
                   "With --explain: so many of them for scorecam and occlusion (0: all)")
      ->needs(explain)
      ->capture_default_str();
  command
      ->add_flag("--road", options->measures.road,
                 "With --explain: measure what is left without the hottest pixels, and without the "
                 "coldest, guessed from those around them")
      ->needs(explain);
  explain->excludes(closer)->excludes(others);
  command
      ->add_option("--threads", options->threads,
                   "How many photos are looked at side by side (default: as many as there are "
                   "processors)")
      ->check(between(1, 1024));
  command->add_flag("--json", options->json, "As one line of JSON");
  command->footer(std::string(kEvaluationHelp.substr(1)) + "\n" +
                  std::string(kExplainEvaluationHelp));
  command->callback([options, &exit_code] {
    bool some_failed = false;
    const auto result = run_evaluate(*options, some_failed);
    if (!result) {
      exit_code = report_failure(result.error());
      return;
    }
    if (options->json) {
      std::cout << dump(*result) << std::endl;
    } else {
      (options->explain ? print_explanations : print_text)(*result);
    }
    if (some_failed) exit_code = kSomeFailed;
  });
}

}  // namespace gradcam
