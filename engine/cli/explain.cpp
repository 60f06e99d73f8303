#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/explainer.h"
#include "cli/files.h"
#include "cli/in_order.h"
#include "cli/system.h"
#include "cli/terminal.h"
#include "cli/threads.h"
#include "gradcam/explain/certainty.h"
#include "gradcam/explain/json.h"
#include "gradcam/explain/warm.h"
#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

namespace fs = std::filesystem;

/// What --help says of the methods.
std::string method_list() {
  std::string text = "Methods:\n";
  for (const Method& method : methods()) {
    std::string name(method.name);
    name.resize(std::max<std::size_t>(name.size(), 18), ' ');
    text += "  " + name + std::string(method.about) + "\n";
  }
  return text;
}

/// What --help says of --json.
constexpr const char* kJsonFields = R"(
JSON: "photo", its "width" and "height" in pixels; "top", the classes with "label", "index",
"probability" and "logit"; "others", "label" and "probability" of what is none of them, null if the
model does not know; "certainty", whether that is to be believed: "sure", "unsure", "lost" (perhaps
nothing that it knows) or "others"; "class", "method" and "layer" of the map; "crop", the part of
the photo that the network saw; "box", around what is warm in it, in pixels of the photo (Zhou et
al. 2016: what is connected with the maximum at a fifth of it or more), null without heat;
"heatmap": "rows", "cols", "status" ("ok", "empty" or "non_finite"), "maximum" before it was scaled
to 1, "values" row by row over the crop; "milliseconds"; with --out "overlay", the file. Where
--class or --method ask for several, these are of the first, and "maps" has "class", "method",
"layer", "box", "heatmap" and "overlay" of each. A photo that failed has "photo" and "error": "code"
and "message".
)";

/// "block5_conv3"; "block4_conv3,block5_conv3" for several; "input" for a method that has none.
std::string layer_name(const Explainer& explainer, const Method& method) {
  if (!method.has_layer) return "input";
  return internal::joined(explainer.layers(), map_layer_name, ",");
}

Certainty certainty_of(const Explanation& e, const ModelInfo& info) {
  return certainty_of(e.predictions, e.others, info.metadata);
}

Json box_to_json(const Heatmap& map, const Box& crop) {
  return map.status == HeatmapStatus::kOk ? to_json(warm_box(map, crop)) : Json();
}

Json json_line(const std::string& photo, const Explanation& e, const Explainer& explainer,
               const ExplainCommand& options) {
  const ModelInfo& info = explainer.info();
  const std::span<const Prediction> top(e.predictions.data(),
                                        std::min(options.top, e.predictions.size()));
  const ClassMap& first = e.maps.front();
  const auto say_what = [&](Json& json, const ClassMap& map) {
    const Method& method = explainer.methods()[map.method];
    json["class"] = info.metadata.labels[map.index];
    json["method"] = method.name;
    json["layer"] = layer_name(explainer, method);
  };
  Json line = {{"photo", photo},
               {"width", e.width},
               {"height", e.height},
               {"top", to_json(top, info)},
               {"others", others_to_json(e.others, info)},
               {"certainty", certainty_name(certainty_of(e, info))}};
  say_what(line, first);
  line["crop"] = to_json(e.crop);
  line["box"] = box_to_json(first.heatmap, e.crop);
  line["heatmap"] = to_json(first.heatmap);
  line["milliseconds"] = {
      {"decode", e.decode_ms}, {"forward", e.forward_ms}, {"backward", e.backward_ms}};
  if (!first.overlay.empty()) line["overlay"] = first.overlay;
  if (!explainer.has_several_maps()) return line;
  for (const ClassMap& map : e.maps) {
    Json of_map;
    say_what(of_map, map);
    of_map["box"] = box_to_json(map.heatmap, e.crop);
    of_map["heatmap"] = to_json(map.heatmap);
    if (!map.overlay.empty()) of_map["overlay"] = map.overlay;
    line["maps"].push_back(std::move(of_map));
  }
  return line;
}

/// "  beagle   93.1 %  ██████".
void print_row(const std::string& label, float probability) {
  constexpr int kBarCells = 24;
  std::string bar;
  for (int cell = 0; cell < static_cast<int>(probability * kBarCells + 0.5f); ++cell) {
    bar += "█";
  }
  std::printf("  %-24s %5.1f %%  %s\n", label.c_str(), static_cast<double>(probability) * 100,
              bar.c_str());
}

void print_text(const std::string& photo, const Explanation& e, const Explainer& explainer,
                const ExplainCommand& options) {
  const ModelInfo& info = explainer.info();
  std::printf("%s (%d x %d)\n", printable(photo).c_str(), e.width, e.height);
  const std::span<const Prediction> top(e.predictions.data(),
                                        std::min(options.top, e.predictions.size()));
  for (const Prediction& p : top) print_row(info.metadata.labels[p.index], p.probability);
  if (!info.metadata.others.empty()) print_row(info.metadata.others, e.others);
  const Certainty certainty = certainty_of(e, info);
  if (certainty == Certainty::kOthers) {
    std::printf("  probably %s\n", info.metadata.others.c_str());
  } else if (certainty != Certainty::kSure) {
    std::printf("  not sure%s%s\n",
                certainty == Certainty::kLost ? ", perhaps nothing that it knows" : "",
                options.closer ? "" : "; --closer looks again, at what was warm");
  }
  for (const ClassMap& map : e.maps) {
    const Method& method = explainer.methods()[map.method];
    std::string caption = caption_for(method, info.metadata.labels[map.index]);
    if (explainer.methods().size() > 1) caption += ", by " + std::string(method.title);
    if (map.heatmap.status == HeatmapStatus::kEmpty) {
      std::printf("  %s: no evidence anywhere, its heatmap is empty\n", caption.c_str());
    } else if (map.heatmap.status == HeatmapStatus::kNonFinite) {
      std::printf("  the network overflowed on this photo: its heatmap is empty\n");
    }
    if (!map.overlay.empty()) {
      std::printf("  %s: %s\n", caption.c_str(), printable(map.overlay).c_str());
    }
  }
}

void print_error(const std::string& photo, const Error& error, bool json) {
  if (json) {
    std::cout << dump({{"photo", photo}, {"error", to_json(error)}}) << std::endl;
  } else {
    complain(photo, error.message);
  }
}

/// What became of a photo.
struct Outcome {
  fs::path photo;
  Result<Explanation> explanation;
};

/// How many photos are looked at side by side.
std::size_t threads(const ExplainCommand& options) {
  if (options.threads > 0) return options.threads;
  // Where the workers keep the processors busy, the next photo can be decoded meanwhile.
  if (options.workers > 1) return 2;
  return processors();
}

/// The names on standard input.
void for_each_name(bool null_ends, const std::function<void(const std::string&)>& use) {
  bool is_first = true;
  for (std::string name; std::getline(std::cin, name, null_ends ? '\0' : '\n');) {
    std::error_code error;
    // Of a list that was written on Windows.
    if (is_first && !fs::exists(path_of(name), error)) {
      name = std::string(internal::without_byte_order_mark(name));
    }
    is_first = false;
    if (!null_ends && name.ends_with('\r') && !fs::exists(path_of(name), error)) name.pop_back();
    if (!name.empty()) use(name);
  }
}

int run_explain(const ExplainCommand& options) {
  auto explainer = Explainer::create(options);
  if (!explainer) return report_failure(explainer.error());
  int exit_code = kOk;
  const auto deliver = [&](Outcome outcome) {
    auto& [photo, explanation] = outcome;
    Result<void> saved;
    if (explanation) {
      saved = within_memory([&] { return explainer->save(photo, *explanation); });
    }
    if (!explanation) {
      print_error(photo.string(), explanation.error(), options.json);
      exit_code = kSomeFailed;
    } else if (options.json) {
      // A line at a time, at once: someone may be waiting for it at the other end of a pipe.
      std::cout << dump(json_line(photo.string(), *explanation, *explainer, options)) << std::endl;
    } else {
      print_text(photo.string(), *explanation, *explainer, options);
      std::fflush(stdout);
    }
    if (!saved) {  // which does not take the answer
      print_error(photo.string(), saved.error(), false);
      exit_code = kSomeFailed;
    }
  };
  {
    InOrder<Outcome> outcomes(threads(options), deliver);
    const auto explain_all = [&](const std::string& input) {
      std::vector<fs::path> photos;
      const auto status = list_photos(path_of(input), photos);
      for (const fs::path& photo : photos) {
        outcomes.push([&explainer, photo] {
          return Outcome{photo, within_memory([&] { return explainer->explain(photo); })};
        });
      }
      if (!status) {
        outcomes.push([input, error = status.error()] {
          return Outcome{path_of(input), std::unexpected(error)};
        });
      }
    };
    for (const std::string& input : options.inputs) {
      if (input != "-") {
        explain_all(input);
        continue;
      }
      for_each_name(options.null_ends, explain_all);
      if (std::ferror(stdin) != 0) {
        const Error error{ErrorCode::kUnreadableFile, "the list of photos cannot be read"};
        outcomes.push([error] { return Outcome{"standard input", std::unexpected(error)}; });
      }
    }
  }
  return exit_code;
}

}  // namespace

void add_explain(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ExplainCommand>();
  CLI::App* command = app.add_subcommand(
      "explain", "Name the breed in each photo and write where the network looked.");
  command
      ->add_option("photo", options->inputs,
                   "Photos, folders of photos, or - for file names on standard input")
      ->required();
  command->add_flag("-0,--null", options->null_ends,
                    "Names on standard input end with a NUL, as find -print0 writes them");
  add_model_option(*command, options->model);
  add_head_option(*command, options->head);
  command
      ->add_option(
          "--class", options->classes,
          "The classes to explain, separated by commas: labels (capitals, \"_\" and \"-\" do not "
          "matter), indices, top for the most probable, top:3 for the first "
          "three, all (these two in lower case)")
      ->capture_default_str();
  command->add_option("--top", options->top, "How many classes to list")->capture_default_str();
  with_commas(
      command->add_option(
          "--method", options->methods,
          "How the map is made, see below; several, separated by commas, or all (in lower "
          "case), which share the first forward pass; capitals, \"_\" and \"-\" in names do "
          "not matter"))
      ->capture_default_str();
  with_commas(
      command->add_option(
          "--layer", options->layers,
          "Whose activations, behind its ReLU, the map weighs: block1_conv1 ... block5_conv3 "
          "(what torchvision's vgg16 calls features.29), block5_pool (features.30); of several, "
          "separated by commas, the map is the mean or, by layercam, the maximum; methods that "
          "look at the input itself have none"))
      ->capture_default_str();
  with_commas(
      command->add_option("--smooth", options->smooth,
                          "flip: the mean over six views (mirrored, and times 0.9 and 1.1); eigen: "
                          "the first principal component over the channels; or flip,eigen"))
      ->transform(one_of({"flip", "eigen"}));
  with_commas(command->add_option(
      "--crop", options->crop,
      "X,Y,WIDTH,HEIGHT: the part of each photo, in its pixels, that the network is shown "
      "(default: as the model's preprocessing has it)"));
  command->add_flag("--closer", options->closer,
                    "Look again, at the square around what the first map shows as warm: for dogs "
                    "that are small in the photo");
  command->add_option(
      "--channels", options->channels,
      "How many channels, those that vary most first, scorecam tries, a forward pass each; "
      "a number or all (default: " +
          std::to_string(kUsualChannels) + ")");
  add_path_option(*command, "--out", options->out,
                  "A folder for the overlays, <photo>.<class>.png, of several methods "
                  "<photo>.<class>.<method>.png (default: the current one; with --json, none); "
                  "those of the same photos are replaced");
  command->add_option("--colormap", options->colormap, "Its colours")
      ->transform(
          one_of(std::vector<std::string>(colormap_names().begin(), colormap_names().end())))
      ->capture_default_str();
  command->add_option("--alpha", options->alpha, "The heatmap's opacity where it is hottest")
      ->check(between(0.0, 1.0))
      ->capture_default_str();
  command
      ->add_option("--threshold", options->threshold,
                   "Heat below this is not shown, of 1 where it is hottest")
      ->check(between(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--convolution", options->convolution,
                      "Force a convolution algorithm (see gradcam bench)");
  add_workers_option(*command, options->workers);
  command
      ->add_option("--threads", options->threads,
                   "How many photos are looked at side by side (default: as many as there are "
                   "processors; with --workers, the next one is decoded meanwhile)")
      ->check(between(1, 1024));
  command->add_flag("--json", options->json, "One line of JSON for each photo, see below");
  command->footer(method_list() + kJsonFields);
  command->callback([command, options, &exit_code] {
    const std::vector<double>& crop = options->crop;
    if (!crop.empty() && crop.size() != 4) {
      throw CLI::ValidationError("--crop", "four numbers are expected, X,Y,WIDTH,HEIGHT");
    }
    if (!crop.empty() && !(crop[0] >= 0 && crop[1] >= 0 && crop[2] > 0 && crop[3] > 0)) {
      throw CLI::ValidationError("--crop", "X and Y are 0 or more, WIDTH and HEIGHT above 0");
    }
    if (options->out.empty() && !options->json) options->out = ".";
    for (const char* name : {"--colormap", "--alpha", "--threshold"}) {
      if (options->out.empty() && command->count(name) > 0) {
        throw CLI::ValidationError(name, "with --json there are overlays only with --out");
      }
    }
    if (options->null_ends && std::ranges::find(options->inputs, "-") == options->inputs.end()) {
      throw CLI::ValidationError("--null", "goes with -, names on standard input");
    }
    exit_code = run_explain(*options);
  });
}

}  // namespace gradcam
