#include "cli/explainer.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <iterator>
#include <ranges>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "cli/files.h"
#include "cli/system.h"
#include "cli/terminal.h"
#include "gradcam/explain/closer.h"
#include "gradcam/explain/together.h"
#include "gradcam/image/decode.h"
#include "gradcam/image/png.h"
#include "gradcam/image/preprocess.h"
#include "gradcam/tensor/text.h"
#include "gradcam/weights/find_class.h"

namespace gradcam {
namespace {

namespace fs = std::filesystem;

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

/// Whether a bar may show how far the photo is: others would draw over it.
bool is_one_photo(const ExplainCommand& command) {
  std::error_code error;
  return command.inputs.size() == 1 && fs::is_regular_file(command.inputs.front(), error);
}

Result<ExplainOptions> how_to_explain(const ExplainCommand& command) {
  ExplainOptions options{.layers = {}};
  for (const std::string& name : command.layers) {
    GRADCAM_TRY(const std::size_t layer, find_map_layer(name));
    // As with classes and methods, one that is named twice is meant once.
    const bool is_known = std::ranges::find(options.layers, layer) != options.layers.end();
    if (!is_known) options.layers.push_back(layer);
  }
  for (const std::string& smooth : command.smooth) {
    (smooth == "flip" ? options.augment : options.principal_component) = true;
  }
  if (!command.channels.empty()) {
    const auto channels = parse_number(command.channels);
    if (command.channels != "all" && channels.value_or(0) == 0) {
      return fail(ErrorCode::kInvalidArgument,
                  "--channels takes a number from 1 on, or all, not \"" + command.channels + "\"");
    }
    options.channels = channels.value_or(0);
  }
  return options;
}

/// Refuses what none of the methods has a use for; where some have one, the others go without.
Result<void> check_use(std::span<const Method> methods, const ExplainCommand& command,
                       const ExplainOptions& options) {
  const auto refuse = [&](const std::string& option, const std::string& why) {
    return fail(ErrorCode::kInvalidArgument, option + " is of no use to " +
                                                 internal::joined(methods, &Method::name) + ", " +
                                                 why + "; leave it out");
  };
  if (options.layers != ExplainOptions().layers &&
      std::ranges::none_of(methods, &Method::has_layer)) {
    return refuse("--layer", "as it is the input itself that is looked at");
  }
  if (options.principal_component && std::ranges::none_of(methods, &Method::has_channels)) {
    return refuse("--smooth eigen", "as no channels are added up");
  }
  if (!command.channels.empty() && std::ranges::none_of(methods, &Method::tries_channels)) {
    return refuse("--channels", "as no channels are tried");
  }
  return {};
}

/// What a method has a use for.
ExplainOptions of_use(const Method& method, ExplainOptions options) {
  options.principal_component &= method.has_channels;
  return options;
}

/// What a forward pass should keep for all of the methods.
Outlook outlook(std::span<const Method> methods, std::size_t layer) {
  Outlook all{.layer = layer};
  for (const Method& method : methods) {
    const Outlook own = outlook(method, layer);
    all = {.layer = std::min(all.layer, own.layer), .ablation = all.ablation || own.ablation};
  }
  return all;
}

/// A whole model, used as a Team is.
class Alone {
 public:
  Alone(const Vgg16& model, Activations& activations) : model_(model), activations_(activations) {}

  Result<void> forward(const Tensor& input, const Outlook&) {
    return model_.forward(input, activations_);
  }
  std::vector<Prediction> predictions() const { return model_.predictions(activations_); }
  float others_probability() const { return model_.others_probability(activations_); }
  Result<std::vector<Heatmap>> explain(const Method& method, const Tensor& input,
                                       std::span<const std::size_t> classes,
                                       const ExplainOptions& options) {
    return gradcam::explain(model_, input, activations_, classes, method, options);
  }

 private:
  const Vgg16& model_;
  Activations& activations_;
};

}  // namespace

Result<Explainer> Explainer::create(const ExplainCommand& command) {
  GRADCAM_TRY(const fs::path path, find_model(command.model));
  LoadOptions load;
  if (!command.convolution.empty()) {
    GRADCAM_TRY(load.convolution, find_conv_algorithm(command.convolution));
  }
  GRADCAM_TRY(load.head, load_head(command.head));
  GRADCAM_TRY(std::vector<Method> methods, find_methods(command.methods));
  GRADCAM_TRY(ExplainOptions how, how_to_explain(command));
  GRADCAM_CHECK_OK(check_use(methods, command, how));
  if (std::ranges::any_of(methods, &Method::is_slow) && is_one_photo(command)) {
    how.progress = [](std::size_t done, std::size_t total) {
      show_progress(done + 1, total, "passes");
      return true;
    };
  }
  GRADCAM_TRY(const Colormap colormap, find_colormap(command.colormap));
  if (!command.out.empty()) {
    std::error_code error;
    fs::create_directories(command.out, error);
    if (std::error_code other; !fs::is_directory(command.out, other)) {
      return fail(ErrorCode::kUnreadableFile,
                  command.out.string() + " is to be a folder for overlays, but cannot be made" +
                      (error ? ": " + error.message() : ""));
    }
  }
  GRADCAM_TRY(auto team, of_file(path, Team::load(path, command.workers, load)));
  Explainer explainer(command, std::move(team), std::move(methods), colormap);
  explainer.how_ = std::move(how);
  GRADCAM_TRY(explainer.classes_, explainer.find_choices(command.classes));
  return explainer;
}

Result<Explanation> Explainer::explain(const fs::path& photo) {
  Explanation result;
  Stopwatch watch;
  GRADCAM_TRY(const std::vector<std::uint8_t> bytes, read_photo(photo));
  GRADCAM_TRY(Image image, decode_image(bytes));
  result.width = image.width;
  result.height = image.height;
  result.decode_ms = watch.lap();
  GRADCAM_CHECK_OK(look_at(image, crop_of(image), result));
  if (command_.closer) {
    GRADCAM_CHECK_OK(
        look_at(image, closer_box(result.maps.front().heatmap, result.crop, image), result));
  }
  if (command_.out.empty()) return result;
  result.software = overlay_software(bytes);
  // Those of 1000 classes would take gigabytes until they are saved: then the rest is painted.
  constexpr std::size_t kMostBytes = std::size_t{64} << 20;
  std::size_t painted = 0;
  for (ClassMap& map : result.maps) {
    if (painted >= kMostBytes) break;
    GRADCAM_CHECK_OK(paint(image, result, map));
    painted += map.png.size();
  }
  if (result.maps.back().png.empty()) result.image = std::move(image);
  return result;
}

/// Paints the overlay of a map.
Result<void> Explainer::paint(const Image& image, const Explanation& explanation,
                              ClassMap& map) const {
  const Heatmap& heat = map.heatmap;
  GRADCAM_TRY(const Image painted,
              overlay(image, explanation.crop, heat.values, heat.rows, heat.cols, colormap_,
                      command_.alpha, command_.threshold));
  GRADCAM_TRY(map.png, encode_png(painted, explanation.software));
  return {};
}

/// The part of a photo that the network is shown.
Box Explainer::crop_of(const Image& image) const {
  const std::vector<double>& crop = command_.crop;
  if (crop.empty()) return crop_box(info().preprocess, image.width, image.height);
  return {.x = crop[0], .y = crop[1], .width = crop[2], .height = crop[3]};
}

/// Looks at a part of a photo; the times are those of the last look, decoding is what precedes it.
Result<void> Explainer::look_at(const Image& image, const Box& crop, Explanation& explanation) {
  Stopwatch watch;
  GRADCAM_TRY(const Tensor input, preprocess(image, info().preprocess, crop));
  explanation.crop = crop;
  explanation.decode_ms += watch.lap();
  return look(input, explanation);
}

Result<void> Explainer::look(const Tensor& input, Explanation& explanation) {
  if (team_.workers() > 1) {
    const std::lock_guard lock(shared_->team);
    return look_by(team_, input, explanation);
  }
  GRADCAM_TRY(Activations activations, take_activations());
  Alone alone(team_.model(), activations);
  const auto status = look_by(alone, input, explanation);
  const std::lock_guard lock(shared_->mutex);
  shared_->idle.push_back(std::move(activations));
  return status;
}

/// Those of a photo that is done, or new ones.
Result<Activations> Explainer::take_activations() {
  {
    const std::lock_guard lock(shared_->mutex);
    if (!shared_->idle.empty()) {
      Activations activations = std::move(shared_->idle.back());
      shared_->idle.pop_back();
      return activations;
    }
  }
  return team_.model().make_activations();
}

template <class Network>
Result<void> Explainer::look_by(Network& network, const Tensor& input, Explanation& explanation) {
  Stopwatch watch;
  GRADCAM_CHECK_OK(network.forward(input, outlook(methods_, std::ranges::min(how_.layers))));
  explanation.predictions = network.predictions();
  explanation.others = network.others_probability();
  explanation.forward_ms = watch.lap();
  const std::vector<std::size_t> classes = classes_of(explanation.predictions);
  explanation.maps.clear();
  for (std::size_t method = 0; method < methods_.size(); ++method) {
    GRADCAM_TRY(auto maps,
                network.explain(methods_[method], input, classes, of_use(methods_[method], how_)));
    for (std::size_t i = 0; i < classes.size(); ++i) {
      explanation.maps.push_back({.index = classes[i],
                                  .method = method,
                                  .heatmap = std::move(maps[i]),
                                  .png = {},
                                  .overlay = {}});
    }
  }
  explanation.backward_ms = watch.lap();
  return {};
}

/// A class by its label or its index.
Result<std::size_t> Explainer::find_class(const std::string& name) const {
  const auto& labels = info().metadata.labels;
  auto found = gradcam::find_class(labels, name);
  if (const auto index = parse_number(name); !found && index && *index < labels.size()) {
    return *index;
  }
  return found;
}

Result<Explainer::ClassChoice> Explainer::find_choice(const std::string& name) const {
  constexpr std::string_view kTop = "top:";
  const std::size_t classes = info().metadata.labels.size();
  if (name == "all") return ClassChoice{.most_probable = classes};
  if (name == "top") return ClassChoice{.most_probable = 1};
  if (name.starts_with(kTop)) {
    const auto number = parse_number(name.substr(kTop.size()));
    if (number.value_or(0) > 0) {
      return ClassChoice{.most_probable = std::min(*number, classes)};
    }
    return fail(ErrorCode::kInvalidArgument,
                "--class top:N takes a number from 1 on, not \"" + name + "\"");
  }
  GRADCAM_TRY(const std::size_t index, find_class(name));
  return ClassChoice{.index = index};
}

/// What names with commas between them stand for. There may be commas in a label, too.
Result<std::vector<Explainer::ClassChoice>> Explainer::find_choices(
    const std::string& names) const {
  std::ptrdiff_t most_commas = 0;
  for (const std::string& label : info().metadata.labels) {
    most_commas = std::max(most_commas, std::ranges::count(label, ','));
  }
  std::vector<ClassChoice> choices;
  for (std::size_t begin = 0;;) {
    std::vector<std::size_t> ends = {names.find(',', begin)};
    while (ends.back() != std::string::npos && std::ssize(ends) <= most_commas) {
      ends.push_back(names.find(',', ends.back() + 1));
    }
    // The longest name that there is; if there is none, the shortest is the unknown one.
    auto choice = find_choice(names.substr(begin, ends.back() - begin));
    while (!choice && ends.size() > 1) {
      ends.pop_back();
      choice = find_choice(names.substr(begin, ends.back() - begin));
    }
    if (!choice) return std::unexpected(choice.error());
    choices.push_back(*choice);
    if (ends.back() == std::string::npos) return choices;
    begin = ends.back() + 1;
  }
}

/// The classes to explain, each once; predictions: the most probable first.
std::vector<std::size_t> Explainer::classes_of(const std::vector<Prediction>& predictions) const {
  std::vector<std::size_t> classes;
  const auto add = [&](std::size_t index) {
    if (std::ranges::find(classes, index) == classes.end()) classes.push_back(index);
  };
  for (const ClassChoice& choice : classes_) {
    if (choice.index) add(*choice.index);
    for (const Prediction& p : predictions | std::views::take(choice.most_probable)) add(p.index);
  }
  return classes;
}

Result<void> Explainer::save(const fs::path& photo, Explanation& explanation) {
  if (command_.out.empty()) return {};
  for (ClassMap& map : explanation.maps) {
    if (map.png.empty()) GRADCAM_CHECK_OK(paint(explanation.image, explanation, map));
    GRADCAM_CHECK_OK(save(photo, explanation.software, map));
  }
  return {};
}

/// Writes an overlay and forgets it.
Result<void> Explainer::save(const fs::path& photo, const std::string& software, ClassMap& map) {
  std::string label = info().metadata.labels[map.index];
  // What cannot be in a file's name everywhere.
  constexpr std::string_view kUnfit = " /\\:*?\"<>|";
  std::ranges::replace_if(label, [&](char c) { return kUnfit.contains(c); }, '_');
  // Names of files have 255 bytes at most, some of which NewFile needs.
  constexpr std::size_t kMostLabel = 80;
  constexpr std::size_t kMostStem = 160;
  constexpr std::size_t kMostName = 230;
  label.resize(internal::beginning_of(label, kMostLabel).size());
  const bool is_alone = methods_.size() == 1;
  const std::string ending =
      "." + label + (is_alone ? "" : "." + std::string(methods_[map.method].name)) + ".png";
  const std::string stem = photo.stem().string();
  const auto name_with = [&](const std::string& number) {
    const std::string rest = number + ending;
    const std::size_t most = std::min(kMostStem, kMostName - rest.size());
    return std::string(internal::beginning_of(stem, most)) + rest;
  };
  std::string name = name_with("");
  int& copy = copies_.try_emplace(name, 1).first->second;
  fs::path target = command_.out / path_of(name);
  std::error_code error;
  // Of what is there, only overlays of the same photo are written anew.
  while (written_.contains(name) ||
         (fs::exists(target, error) && overlay_software(target) != software)) {
    name = name_with("-" + std::to_string(++copy));
    target.replace_filename(path_of(name));
  }
  written_.insert(name);
  GRADCAM_CHECK_OK(write_file(target, map.png));
  map.png = {};
  map.overlay = target.string();
  return {};
}

}  // namespace gradcam
