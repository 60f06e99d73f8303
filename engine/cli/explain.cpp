#include "explain/explain.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/progress.h"
#include "cli/team.h"
#include "explain/json.h"
#include "image/colormap.h"
#include "image/decode.h"
#include "image/overlay.h"
#include "image/png.h"

namespace gradcam {
namespace {

namespace fs = std::filesystem;

struct ExplainCommand {
  std::vector<std::string> inputs;
  std::string model;
  std::string head;
  std::string target = "top";
  std::size_t top = 5;
  std::string method = "gradcam";
  std::vector<std::string> layers = {"block5_conv3"};
  std::vector<std::string> smooth;
  std::string channels = "32";
  std::string out;
  std::string colormap = std::string(kDefaultColormap);
  std::string convolution;
  std::size_t workers = 1;
  float alpha = 0.5f;
  bool json = false;
};

/// What is known about a photo when it is done.
struct Explanation {
  int width = 0;
  int height = 0;
  std::vector<Prediction> predictions;
  std::size_t target = 0;
  Box crop;
  Heatmap heatmap;
  double decode_ms = 0;
  double forward_ms = 0;
  double backward_ms = 0;
  std::string overlay;  // the file written, if any
};

class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double, std::milli>(now - std::exchange(start_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// A number from its digits alone.
std::optional<std::size_t> parse_number(const std::string& text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<ExplainOptions> how_to_explain(const ExplainCommand& command, const Method& method) {
  ExplainOptions options{.layers = {}};
  for (const std::string& name : command.layers) {
    GRADCAM_TRY(const std::size_t layer, find_map_layer(name));
    options.layers.push_back(layer);
  }
  const ExplainCommand usual;
  if (!method.has_layer && command.layers != usual.layers) {
    return fail(ErrorCode::kInvalidArgument,
                std::string(method.name) + " looks at the input itself; leave out --layer");
  }
  for (const std::string& smooth : command.smooth) {
    (smooth == "flip" ? options.augment : options.principal_component) = true;
  }
  if (options.principal_component && !method.has_channels) {
    return fail(ErrorCode::kInvalidArgument,
                std::string(method.name) + " adds up no channels; leave out --smooth eigen");
  }
  const auto channels = parse_number(command.channels);
  if (command.channels != "all" && channels.value_or(0) == 0) {
    return fail(ErrorCode::kInvalidArgument,
                "--channels takes a number from 1 on, or all, not \"" + command.channels + "\"");
  }
  options.channels = channels.value_or(0);
  if (method.is_slow) {
    options.progress = [](std::size_t done, std::size_t total) {
      show_progress(done + 1, total, "passes");
      return true;
    };
  }
  return options;
}

/// Everything that stays the same from photo to photo.
class Explainer {
 public:
  static Result<Explainer> create(const ExplainCommand& options) {
    const fs::path path = options.model.empty() ? default_model() : fs::path(options.model);
    if (path.empty()) {
      return fail(ErrorCode::kInvalidArgument, "name a model with --model");
    }
    LoadOptions load;
    if (!options.convolution.empty()) {
      GRADCAM_TRY(load.convolution, find_conv_algorithm(options.convolution));
    }
    GRADCAM_TRY(load.head, load_head(options.head));
    GRADCAM_TRY(const Method method, find_method(options.method));
    GRADCAM_TRY(const ExplainOptions how, how_to_explain(options, method));
    GRADCAM_CHECK_OK(check_workers(method, how, options.workers));
    GRADCAM_TRY(const Colormap colormap, find_colormap(options.colormap));
    auto team = Team::load(path, options.workers, load);
    if (!team) return fail(team.error().code, path.string() + ": " + team.error().message);
    Explainer explainer(options, *std::move(team), method, colormap);
    explainer.how_ = how;
    GRADCAM_TRY(explainer.target_, explainer.find_class(options.target));
    return explainer;
  }

  const ModelInfo& info() const { return team_.model().info(); }

  Result<Explanation> explain(const fs::path& path) {
    Explanation result;
    Stopwatch watch;
    GRADCAM_TRY(const std::vector<std::uint8_t> bytes, read_file(path));
    GRADCAM_TRY(const Image photo, decode_image(bytes));
    GRADCAM_TRY(const Tensor input, preprocess(photo, info().preprocess));
    result.width = photo.width;
    result.height = photo.height;
    result.crop = crop_box(info().preprocess, photo.width, photo.height);
    result.decode_ms = watch.lap();

    GRADCAM_CHECK_OK(team_.forward(input));
    result.predictions = team_.predictions();
    result.forward_ms = watch.lap();

    result.target = target_.value_or(result.predictions.front().index);
    GRADCAM_TRY(std::vector<Heatmap> maps, team_.explain(method_, input, {{result.target}}, how_));
    result.heatmap = std::move(maps.front());
    result.backward_ms = watch.lap();

    if (!options_.out.empty()) {
      GRADCAM_TRY(result.overlay, write_overlay(path, photo, result));
    }
    return result;
  }

 private:
  Explainer(const ExplainCommand& options, Team team, Method method, Colormap colormap)
      : options_(options), team_(std::move(team)), method_(method), colormap_(colormap) {}

  /// A class by its label or its number; nothing for "top".
  Result<std::optional<std::size_t>> find_class(const std::string& name) const {
    if (name == "top") return std::nullopt;
    const auto& labels = info().metadata.labels;
    if (const auto it = std::ranges::find(labels, name); it != labels.end()) {
      return static_cast<std::size_t>(it - labels.begin());
    }
    if (const auto index = parse_number(name); index && *index < labels.size()) return *index;
    std::string known;
    for (std::size_t i = 0; i < std::min<std::size_t>(labels.size(), 20); ++i) {
      known += (i > 0 ? ", " : "") + labels[i];
    }
    if (labels.size() > 20) known += ", ...";
    return fail(ErrorCode::kInvalidArgument, "the model has no class \"" + name + "\"; it has " +
                                                 std::to_string(labels.size()) +
                                                 ", counted from 0: " + known);
  }

  /// DIR/<stem>.<class>.png, or <stem>-2.<class>.png if this run has written that one already.
  Result<std::string> write_overlay(const fs::path& path, const Image& photo,
                                    const Explanation& result) {
    const Heatmap& map = result.heatmap;
    GRADCAM_TRY(const Image image,
                overlay(photo, result.crop, map.values, static_cast<int>(map.rows),
                        static_cast<int>(map.cols), colormap_, options_.alpha));
    GRADCAM_TRY(const std::vector<std::uint8_t> png, encode_png(image));
    std::string label = info().metadata.labels[result.target];
    std::ranges::replace_if(label, [](char c) { return c == '/' || c == '\\' || c == ' '; }, '_');
    const std::string stem = path.stem().string();
    std::string name = stem + "." + label + ".png";
    for (int copy = 2; !written_.insert(name).second; ++copy) {
      name = stem + "-" + std::to_string(copy) + "." + label + ".png";
    }
    std::error_code error;
    fs::create_directories(options_.out, error);
    const fs::path target = fs::path(options_.out) / name;
    GRADCAM_CHECK_OK(write_file(target, png));
    return target.string();
  }

  ExplainCommand options_;
  Team team_;
  Method method_;
  ExplainOptions how_;
  Colormap colormap_;
  std::optional<std::size_t> target_;
  std::set<std::string> written_;
};

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

/// "block5_conv3"; "block4_conv3,block5_conv3" for several; "input" for a method that has none.
std::string layer_name(const ExplainCommand& options) {
  if (const auto method = find_method(options.method); method && !method->has_layer) return "input";
  std::string name;
  for (const std::string& layer : options.layers) name += (name.empty() ? "" : ",") + layer;
  return name;
}

Json json_line(const std::string& photo, const Explanation& e, const ModelInfo& info,
               const ExplainCommand& options) {
  const std::span<const Prediction> top(e.predictions.data(),
                                        std::min(options.top, e.predictions.size()));
  Json line = {{"photo", photo},
               {"width", e.width},
               {"height", e.height},
               {"top", to_json(top, info)},
               {"class", info.metadata.labels[e.target]},
               {"method", options.method},
               {"layer", layer_name(options)},
               {"crop", to_json(e.crop)},
               {"heatmap", to_json(e.heatmap)},
               {"milliseconds",
                {{"decode", e.decode_ms}, {"forward", e.forward_ms}, {"backward", e.backward_ms}}}};
  if (!e.overlay.empty()) line["overlay"] = e.overlay;
  return line;
}

void print_text(const std::string& photo, const Explanation& e, const ModelInfo& info,
                const ExplainCommand& options) {
  std::printf("%s (%d x %d)\n", photo.c_str(), e.width, e.height);
  for (std::size_t i = 0; i < std::min(options.top, e.predictions.size()); ++i) {
    const Prediction& p = e.predictions[i];
    constexpr int kBarCells = 24;
    std::string bar;
    for (int cell = 0; cell < static_cast<int>(p.probability * kBarCells + 0.5f); ++cell) {
      bar += "█";
    }
    std::printf("  %-24s %5.1f %%  %s\n", info.metadata.labels[p.index].c_str(),
                static_cast<double>(p.probability) * 100, bar.c_str());
  }
  if (!e.predictions.empty() && e.predictions.front().probability < info.metadata.unsure_below) {
    std::printf("  not sure: perhaps none of the breeds that the model knows\n");
  }
  const std::string& label = info.metadata.labels[e.target];
  if (e.heatmap.status == HeatmapStatus::kEmpty) {
    std::printf("  no evidence for %s anywhere: its heatmap is empty\n", label.c_str());
  } else if (e.heatmap.status == HeatmapStatus::kNonFinite) {
    std::printf("  the network overflowed on this photo: its heatmap is empty\n");
  }
  if (!e.overlay.empty()) {
    std::printf("  where it looked for %s: %s\n", label.c_str(), e.overlay.c_str());
  }
}

void print_error(const std::string& photo, const Error& error, bool json) {
  if (json) {
    std::cout << dump({{"photo", photo}, {"error", to_json(error)}}) << std::endl;
  } else {
    std::cout.flush();
    std::cerr << "gradcam: " << photo << ": " << error.message << std::endl;
  }
}

int run_explain(const ExplainCommand& options) {
  auto explainer = Explainer::create(options);
  if (!explainer) {
    std::cerr << "gradcam: " << explainer.error().message << std::endl;
    return explainer.error().code == ErrorCode::kInvalidArgument ? kBadUsage : kSomeFailed;
  }
  int exit_code = kOk;
  const auto explain_all = [&](const std::string& input) {
    const auto photos = list_photos(input);
    if (!photos) {
      print_error(input, photos.error(), options.json);
      exit_code = kSomeFailed;
      return;
    }
    for (const fs::path& path : *photos) {
      const std::string photo = path.string();
      const auto explanation = explainer->explain(path);
      if (!explanation) {
        print_error(photo, explanation.error(), options.json);
        exit_code = kSomeFailed;
      } else if (options.json) {
        // A line at a time, at once: someone may be waiting for it at the other end of a pipe.
        std::cout << dump(json_line(photo, *explanation, explainer->info(), options)) << std::endl;
      } else {
        print_text(photo, *explanation, explainer->info(), options);
        std::fflush(stdout);
      }
    }
  };
  for (const std::string& input : options.inputs) {
    if (input != "-") {
      explain_all(input);
      continue;
    }
    for (std::string line; std::getline(std::cin, line);) {
      if (!line.empty()) explain_all(line);
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
  command->add_option("--model", options->model,
                      "A safetensors file (default: the model that comes with the program)");
  command->add_option("--head", options->head,
                      "A last layer for that model, as gradcam finetune --head-only writes it");
  command
      ->add_option("--class", options->target,
                   "The class to explain: a label, an index, or top for the most probable")
      ->capture_default_str();
  command->add_option("--top", options->top, "How many classes to list")->capture_default_str();
  command->add_option("--method", options->method, "How the map is made, see below")
      ->capture_default_str();
  command
      ->add_option("--layer", options->layers,
                   "Whose activations the map weighs: block1_conv1 ... block5_conv3, block5_pool; "
                   "of several, separated by commas, the maps are averaged")
      ->delimiter(',')
      ->capture_default_str();
  command
      ->add_option("--smooth", options->smooth,
                   "flip: the mean over six views (mirrored, and times 0.9 and 1.1); eigen: the "
                   "first principal component over the channels; or flip,eigen")
      ->delimiter(',')
      ->check(CLI::IsMember({"flip", "eigen"}));
  command
      ->add_option("--channels", options->channels,
                   "How many channels, the strongest first, scorecam tries, a forward pass each; "
                   "a number or all")
      ->capture_default_str();
  command->add_option("--out", options->out,
                      "A folder for the overlays, <photo>.<class>.png (default: the current one; "
                      "with --json, none)");
  command->add_option("--colormap", options->colormap, "Its colours")
      ->check(
          CLI::IsMember(std::vector<std::string>(colormap_names().begin(), colormap_names().end())))
      ->capture_default_str();
  command->add_option("--alpha", options->alpha, "The heatmap's opacity where it is hottest")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--convolution", options->convolution,
                      "Force a convolution algorithm (see gradcam bench)");
  command
      ->add_option("--workers", options->workers, "How many threads divide the network among them")
      ->check(CLI::Range(std::size_t{1}, kMaxMembers))
      ->capture_default_str();
  command->add_flag("--json", options->json, "One line of JSON for each photo");
  command->footer(method_list());
  command->callback([options, &exit_code] {
    if (options->out.empty() && !options->json) options->out = ".";
    exit_code = run_explain(*options);
  });
}

}  // namespace gradcam
