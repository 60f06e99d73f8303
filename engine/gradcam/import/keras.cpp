#include "gradcam/import/keras.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradcam/import/hdf5.h"
#include "gradcam/tensor/json.h"
#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

using internal::quote;
using internal::UntrustedJson;

constexpr int kMostNested = 4;  // models in models

std::unexpected<Error> bad_keras(const std::string& what) {
  return fail(ErrorCode::kCorruptModel, what);
}

// --- What the model says of itself

/// A text of an object; "" if it has none of that name.
std::string text_of(const UntrustedJson& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

const UntrustedJson& member(const UntrustedJson& json, const char* key) {
  static const UntrustedJson kNothing;
  const auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() ? *found : kNothing;
}

/// The layers of a model; the first Keras had them as its whole config.
const UntrustedJson& layers_of(const UntrustedJson& model) {
  const UntrustedJson& config = member(model, "config");
  return config.is_array() ? config : member(config, "layers");
}

/// The name of an activation, which may be a function that was described.
std::string activation_of(const UntrustedJson& config) {
  const UntrustedJson& activation = member(config, "activation");
  if (activation.is_string()) return activation.get<std::string>();
  const std::string name = text_of(activation, "config");
  return name.empty() ? text_of(member(activation, "config"), "name") : name;
}

/// Whether that is a slice of all of an axis, in steps: Keras 3 has what it is in its config.
bool is_slice(const UntrustedJson& json, int step) {
  const UntrustedJson& config = member(json, "config");
  const UntrustedJson& slice = config.is_object() ? config : json;
  const bool is_whole = slice.is_object() && slice.contains("step") &&
                        member(slice, "start").is_null() && member(slice, "stop").is_null();
  const UntrustedJson& found = member(slice, "step");
  return is_whole && (found == step || (step == 1 && found.is_null()));
}

/// Whether [..., ::-1] is among what a layer is given, with the slices of all axes written out or
/// not: the channels in the other order.
bool flips_channels(const UntrustedJson& given) {
  if (!given.is_structured()) return false;
  constexpr std::size_t kAxes = 4;
  if (given.is_array() && !given.empty() && is_slice(given.back(), -1)) {
    return given.size() == kAxes
               ? std::all_of(given.begin(), given.end() - 1,
                             [](const UntrustedJson& other) { return is_slice(other, 1); })
               : given.size() == 2 && text_of(given.front(), "class_name") == "__ellipsis__";
  }
  return std::ranges::any_of(given, flips_channels);
}

/// Adds the numbers with a point among what a layer is given: not the places of its inputs.
void add_floats(const UntrustedJson& given, std::vector<double>& floats) {
  if (given.is_number_float()) floats.push_back(given.get<double>());
  if (!given.is_structured()) return;
  for (const UntrustedJson& inner : given) add_floats(inner, floats);
}

/// Batch normalisation among the dense layers.
struct DenseNorm {
  std::size_t layer = 0;   ///< which dense layer it is of
  bool is_before = false;  ///< before that layer, or between it and its ReLU
  float epsilon = 0;
  bool has_scale = true;
  bool has_shift = true;
};

/// What a description tells of a network that its weights do not.
class KerasDescription {
 public:
  explicit KerasDescription(ForeignVgg16& network) : network_(&network) {}

  const std::vector<DenseNorm>& norms() const { return norms_; }

  /// The names of its layers, in the order of the forward pass.
  const std::vector<std::string>& names() const { return names_; }

  Result<void> read(const UntrustedJson& model) {
    GRADCAM_CHECK_OK(read_layers(layers_of(model), 0));
    if (blocks_ != kConvsOfBlock.size()) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "it has " + std::to_string(blocks_) +
                      " blocks of convolutions that end with MaxPooling2D, where a VGG16 has 5");
    }
    for (const DenseLayer& dense : dense_) {
      const bool is_last = &dense == &dense_.back();
      const bool is_single = dense.units == 1;  // of whose logit a sigmoid is a softmax
      if (is_last ? is_one_of(dense.activation, {"softmax", "linear", ""}) ||
                        (is_single && dense.activation == "sigmoid")
                  : dense.activation == "relu") {
        continue;
      }
      return unlike(dense.name, "ends with the activation " + quote(dense.activation));
    }
    return {};
  }

 private:
  struct DenseLayer {
    std::string name;
    std::string activation;
    std::uint64_t units = 0;
  };

  static std::unexpected<Error> unlike(const std::string& layer, const std::string& what) {
    return fail(ErrorCode::kUnsupportedFormat,
                "its layer " + quote(layer) + " " + what +
                    ", unlike a VGG16: 13 convolutions and, behind them, dense layers with ReLUs");
  }

  Result<void> read_layers(const UntrustedJson& layers, int depth) {
    if (!layers.is_array() || depth > kMostNested) return {};
    for (const UntrustedJson& layer : layers) {
      if (layers_of(layer).is_array()) {
        GRADCAM_CHECK_OK(read_layers(layers_of(layer), depth + 1));
      } else {
        GRADCAM_CHECK_OK(read_layer(layer, text_of(layer, "class_name"), member(layer, "config")));
      }
    }
    return {};
  }

  Result<void> read_layer(const UntrustedJson& layer, const std::string& kind,
                          const UntrustedJson& config) {
    const std::string name = text_of(config, "name");
    names_.push_back(name);
    GRADCAM_CHECK_OK(read_side(name, config));
    if (kind == "Conv2D") return read_conv(name, config);
    if (!has_conv_) return read_before(layer, kind, name, config);
    if (kind == "MaxPooling2D") {
      // Of maps without a row that is left over, all padding is none.
      const bool is_whole = network_->side && is_whole_grid(*network_->side);
      const bool is_usual = blocks_ < kConvsOfBlock.size() && convs_ == kConvsOfBlock[blocks_] &&
                            has_relu_ && is_all(member(config, "pool_size"), 2) &&
                            is_all(member(config, "strides"), 2) &&
                            (is_whole || text_of(config, "padding") != "same");
      if (!is_usual) return unlike(name, "pools where or as a VGG16 does not");
      ++blocks_;
      convs_ = 0;
    } else if (kind == "Dense") {
      const UntrustedJson& units = member(config, "units");
      dense_.push_back({name, activation_of(config),
                        units.is_number_unsigned() ? units.get<std::uint64_t>() : 0});
    } else if (kind == "Activation" || kind == "ReLU" || kind == "Softmax") {
      return read_activation(kind, name, config);
    } else if (kind == "BatchNormalization") {
      if (blocks_ < kConvsOfBlock.size()) {
        return unlike(name, "normalises a map before it is pooled");
      }
      const UntrustedJson& epsilon = member(config, "epsilon");
      constexpr float kUsualEpsilon = 1e-3f;
      const bool is_before = dense_.empty() || dense_.back().activation == "relu";
      if (!is_before && !is_one_of(dense_.back().activation, {"linear", ""})) {
        return unlike(name, "normalises behind the activation " + quote(dense_.back().activation));
      }
      norms_.push_back({.layer = dense_.size() - (is_before ? 0 : 1),
                        .is_before = is_before,
                        .epsilon = epsilon.is_number() ? epsilon.get<float>() : kUsualEpsilon,
                        .has_scale = member(config, "scale") != false,
                        .has_shift = member(config, "center") != false});
    } else if (kind == "GlobalAveragePooling2D" && dense_.empty()) {
      network_->averages = true;
    } else if (!is_one_of(kind, {"InputLayer", "Flatten", "Dropout", "SpatialDropout2D",
                                 "GaussianNoise", "GaussianDropout"})) {
      return unlike(name, "is of the class " + quote(kind));
    }
    return {};
  }

  /// Whether a setting, which may be lacking, is this number, or a list of nothing else.
  static bool is_all(const UntrustedJson& setting, int number) {
    if (setting.is_array()) {
      return std::ranges::all_of(setting,
                                 [number](const UntrustedJson& one) { return one == number; });
    }
    return setting.is_null() || setting == number;
  }

  Result<void> read_conv(const std::string& name, const UntrustedJson& config) {
    if (has_conv_ && !has_relu_) return unlike(name, "follows a convolution without a ReLU");
    if (!has_conv_) GRADCAM_CHECK_OK(check_before(name));
    has_conv_ = true;
    ++convs_;
    if (!norms_.empty()) return unlike(name, "follows a batch normalisation");
    if (!is_all(member(config, "strides"), 1) || !is_all(member(config, "dilation_rate"), 1) ||
        !is_one_of(text_of(config, "padding"), {"same", ""}) ||
        !is_one_of(text_of(config, "data_format"), {"channels_last", ""})) {
      return unlike(name, "has strides, padding or a format of its own");
    }
    const std::string activation = activation_of(config);
    has_relu_ = activation == "relu";
    if (is_one_of(activation, {"relu", "linear", ""})) return {};
    return unlike(name, "ends with the activation " + quote(activation));
  }

  Result<void> read_activation(const std::string& kind, const std::string& name,
                               const UntrustedJson& config) {
    const bool is_plain = member(config, "max_value").is_null() &&
                          is_all(member(config, "negative_slope"), 0) &&
                          is_all(member(config, "threshold"), 0);
    const std::string activation = kind == "ReLU"         ? (is_plain ? "relu" : "ReLU of its own")
                                   : kind == "Activation" ? activation_of(config)
                                                          : "softmax";
    // A normalisation that was taken for one before the next layer.
    const bool is_behind_norm =
        !norms_.empty() && norms_.back().is_before && norms_.back().layer == dense_.size();
    if (is_behind_norm || (dense_.empty() && activation != "relu")) {
      return unlike(name, "is the activation " + quote(activation) + " at another place");
    }
    if (dense_.empty()) {
      has_relu_ = true;
      return {};
    }
    std::string& own = dense_.back().activation;
    if (!is_one_of(own, {"linear", ""})) {
      return unlike(name, "is the activation " + quote(activation) + " behind " + quote(own));
    }
    own = activation;
    return {};
  }

  /// What comes before the first convolution: augmentation, which does nothing then, Rescaling, or
  /// Keras's own preprocess_input, which flips the channels and adds to them.
  Result<void> read_before(const UntrustedJson& layer, const std::string& kind,
                           const std::string& name, const UntrustedJson& config) {
    if (kind == "Rescaling") return read_rescaling(name, config);
    if (kind == "Lambda" && member(config, "function") == "preprocess_input") {
      // Others are called so, too, and do other things; or this one, by its arguments.
      const UntrustedJson& arguments = member(config, "arguments");
      if (!text_of(config, "module").ends_with("vgg16") || !arguments.empty()) {
        return unlike(name, "calls a preprocess_input that may not be VGG16's");
      }
      flips_ = adds_ = true;
      return {};
    }
    if (is_one_of(kind, {"GetItem", "SlicingOpLambda"})) {
      if (flips_ || !flips_channels(member(layer, "inbound_nodes"))) {
        return unlike(name, "takes other parts of a photo than its channels as BGR, [..., ::-1]");
      }
      flips_ = true;
      return {};
    }
    if (kind == "Add" || (kind == "TFOpLambda" && name.contains("bias_add"))) {
      return read_means(layer, name);
    }
    const bool is_augmentation = kind.starts_with("Random") && kind != "RandomCrop";
    if (is_augmentation || is_one_of(kind, {"InputLayer", "GaussianNoise", "Cast"})) {
      return {};
    }
    return unlike(name, "is of the class " + quote(kind) + " and comes before the convolutions");
  }

  /// Whether that is one thing, and all of it.
  Result<void> check_before(const std::string& name) const {
    if (flips_ == adds_ && !(flips_ && rescales_)) return {};
    return unlike(name, "follows other operations than Keras's preprocess_input or a Rescaling");
  }

  /// Of each channel, in the order BGR.
  Result<void> read_means(const UntrustedJson& layer, const std::string& name) {
    std::vector<double> added;
    add_floats(member(layer, "inbound_nodes"), added);
    constexpr double kClose = 1e-3;
    const auto is_mean = [](float mean, double one) { return std::abs(mean + one) < kClose; };
    if (flips_ && !adds_ && std::ranges::equal(kKerasPreprocess.mean, added, is_mean)) {
      adds_ = true;
      return {};
    }
    return unlike(name, "adds " +
                            (added.size() == 3 ? UntrustedJson(added).dump()
                                               : std::to_string(added.size()) + " numbers") +
                            ", where VGG16's preprocess_input adds -103.939, -116.779 and -123.68 "
                            "to blue, green and red");
  }

  /// pixel * scale + offset
  Result<void> read_rescaling(const std::string& name, const UntrustedJson& config) {
    const UntrustedJson& scale = member(config, "scale");
    const UntrustedJson& offset = member(config, "offset");
    if (!scale.is_number() || !(offset.is_number() || offset.is_null()) || rescales_) {
      return unlike(name, "does not scale all channels alike, and once");
    }
    rescales_ = true;
    const float mean = offset.is_number() ? -offset.get<float>() : 0;
    network_->preprocess.bgr = false;
    network_->preprocess.scale = scale.get<float>();
    network_->preprocess.mean = {mean, mean, mean};
    network_->preprocess.std = {1, 1, 1};
    return {};
  }

  /// The input's, if the layer tells.
  Result<void> read_side(const std::string& name, const UntrustedJson& config) {
    for (const char* key : {"batch_input_shape", "batch_shape"}) {
      const UntrustedJson& shape = member(config, key);
      if (network_->side || has_conv_ || !shape.is_array() || shape.size() != 4) continue;
      if (shape[1] != shape[2]) return unlike(name, "takes what is no square");
      if (!shape[1].is_number_unsigned()) continue;
      const auto side = shape[1].get<std::uint64_t>();
      if (side <= kMaxPreprocessSide) network_->side = static_cast<int>(side);
    }
    return {};
  }

  ForeignVgg16* network_;
  std::vector<std::string> names_;
  bool rescales_ = false;
  bool flips_ = false;  // channels
  bool adds_ = false;   // to each
  bool has_conv_ = false;
  bool has_relu_ = false;   // behind the last convolution
  int convs_ = 0;           // since the last pooling
  std::size_t blocks_ = 0;  // that ended with one
  std::vector<DenseLayer> dense_;
  std::vector<DenseNorm> norms_;
};

Result<UntrustedJson> parse_description(const std::string& text) {
  constexpr std::size_t kMostEntries = 5'000;  // a VGG16 has some 1,500
  UntrustedJson json = internal::parse_untrusted(text, {.entries = kMostEntries});
  if (!json.is_object())
    return bad_keras("its description of the model is no JSON object, or longer than any VGG16's");
  return json;
}

// --- Its arrays

/// Kernels and biases in the order of the layers.
Result<void> add_layers(std::vector<ForeignArray> arrays, const std::vector<DenseNorm>& places,
                        ForeignVgg16& network) {
  std::vector<ForeignNorm> norms;
  for (std::size_t i = 0; i < arrays.size(); i += 2) {
    const std::size_t rank = arrays[i].shape.size();
    if (rank == 1 && norms.size() < places.size()) {
      const DenseNorm& place = places[norms.size()];
      const std::size_t behind = (place.has_scale ? 1 : 0) + (place.has_shift ? 1 : 0);
      if (i + behind + 2 > arrays.size()) {
        return bad_keras("it lacks arrays of the batch normalisation of " + quote(arrays[i].name));
      }
      ForeignNorm norm;
      if (place.has_scale) norm.scale = std::move(arrays[i]);
      if (place.has_shift) norm.shift = std::move(arrays[i + behind - 1]);
      norm.mean = std::move(arrays[i + behind]);
      norm.variance = std::move(arrays[i + behind + 1]);
      norm.epsilon = place.epsilon;
      norms.push_back(std::move(norm));
      i += behind;
      continue;
    }
    const bool has_bias = i + 1 < arrays.size() && arrays[i + 1].shape.size() == 1;
    if ((rank != 4 && rank != 2) || !has_bias) {
      const ForeignArray& odd =
          rank == 4 || rank == 2 ? arrays[std::min(i + 1, arrays.size() - 1)] : arrays[i];
      return fail(ErrorCode::kUnsupportedFormat,
                  "it has " + quote(odd.name) + " of shape " + to_string(odd.shape) +
                      " where a VGG16 has a kernel followed by its bias (batch normalisation is "
                      "taken where the whole model was saved, behind the convolutions)");
    }
    if (rank == 4 && !network.dense.empty()) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "it has a convolution behind a dense layer, unlike a VGG16");
    }
    auto& layers = rank == 4 ? network.convs : network.dense;
    layers.push_back({std::move(arrays[i]), std::move(arrays[i + 1]), true});
  }
  for (std::size_t i = 0; i < norms.size(); ++i) {
    const std::size_t layer = places[i].layer;
    if (layer >= network.dense.size()) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "it ends with the batch normalisation " + quote(norms[i].mean.name));
    }
    auto& norm = places[i].is_before ? network.dense[layer].input_norm : network.dense[layer].norm;
    if (norm) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "it has two batch normalisations in a row: " + quote(norms[i].mean.name));
    }
    norm = std::move(norms[i]);
  }
  return {};
}

/// A list of names, which Keras splits into name0, name1, ... where it is long.
Result<std::vector<std::string>> list_of_names(Hdf5& file, Hdf5::Object object,
                                               const std::string& name) {
  GRADCAM_TRY(auto whole, file.texts(object, name));
  if (whole) return *std::move(whole);
  std::vector<std::string> names;
  constexpr int kMostParts = 1000;
  for (int i = 0; i < kMostParts; ++i) {
    GRADCAM_TRY(const auto part, file.texts(object, name + std::to_string(i)));
    if (!part) break;
    names.insert(names.end(), part->begin(), part->end());
  }
  return names;
}

/// The layer of a weight of a model in a model: "block1_conv1" of "vgg16/block1_conv1/kernel:0".
std::string layer_of(const std::string& weight) {
  const std::size_t end = weight.rfind('/');
  if (end == std::string::npos) return "";
  const std::size_t begin = end == 0 ? std::string::npos : weight.rfind('/', end - 1);
  return weight.substr(begin == std::string::npos ? 0 : begin + 1,
                       begin == std::string::npos ? end : end - begin - 1);
}

/// Brings the weights of a model in a model into the order of its layers: Keras writes those that
/// were trained first. Without a description, VGG16's own names tell.
void order_weights(std::vector<std::string>& weights, const std::vector<std::string>& layers) {
  const auto place = [&layers](const std::string& weight) {
    const std::string layer = layer_of(weight);
    const auto found = std::ranges::find(layers, layer) - layers.begin();
    return std::pair(found, layers.empty() && layer.starts_with("block") ? layer : std::string());
  };
  std::vector<std::pair<decltype(place("")), std::size_t>> order;
  for (std::size_t i = 0; i < weights.size(); ++i) order.emplace_back(place(weights[i]), i);
  std::ranges::sort(order);
  std::vector<std::string> ordered;
  for (const auto& [key, i] : order) ordered.push_back(std::move(weights[i]));
  weights = std::move(ordered);
}

/// Of the files that name their layers: Keras 1 and 2, and Keras 3 for `.h5`. `described`: the
/// layers of the model, and of those in it, in their order.
Result<std::vector<ForeignArray>> named_arrays(Hdf5& file, Hdf5::Object root,
                                               const std::vector<std::string>& layers,
                                               const std::vector<std::string>& described) {
  std::vector<ForeignArray> arrays;
  GRADCAM_TRY(const auto groups, file.members(root));
  for (const std::string& layer : layers) {
    const auto group = groups.find(layer);
    if (group == groups.end()) return bad_keras("it lacks the layer " + quote(layer));
    GRADCAM_TRY(auto names, list_of_names(file, group->second, "weight_names"));
    order_weights(names, described);
    for (const std::string& name : names) {
      GRADCAM_TRY(const auto found, file.find(group->second, name));
      if (!found) return bad_keras("it lacks the weights " + quote(name));
      GRADCAM_TRY(ForeignArray array, file.array(*found, name));
      arrays.push_back(std::move(array));
    }
  }
  return arrays;
}

/// "max_pooling2d" for "MaxPooling2D", as Keras 3 names groups.
std::string snake_case(const std::string& name) {
  std::string text;
  const auto is_lower = [](char c) { return std::islower(static_cast<unsigned char>(c)) != 0; };
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    if (i > 0 && std::isupper(c) != 0 &&
        (is_lower(name[i - 1]) || (i + 1 < name.size() && is_lower(name[i + 1])))) {
      text += '_';
    }
    text += static_cast<char>(std::tolower(c));
  }
  return text;
}

/// The groups of the layers of a model of Keras 3; none if it has none.
struct KerasGroups {
  std::map<std::string, Hdf5::Object> groups;
  int count = 1;  ///< by which the numbers in names go up: the first versions count layers twice
};

Result<std::optional<KerasGroups>> find_layers(Hdf5& file, Hdf5::Object model) {
  for (const auto& [name, count] :
       {std::pair("layers", 1), std::pair("_layer_checkpoint_dependencies", 2)}) {
    GRADCAM_TRY(const auto found, file.find(model, name));
    if (!found) continue;
    GRADCAM_TRY(auto groups, file.members(*found));
    return KerasGroups{std::move(groups), count};
  }
  return std::nullopt;
}

/// The arrays of a layer of Keras 3, which are numbered.
Result<void> add_numbered(Hdf5& file, Hdf5::Object layer, const std::string& name,
                          std::vector<ForeignArray>& arrays) {
  GRADCAM_TRY(const auto variables, file.find(layer, "vars"));
  if (!variables) return {};
  GRADCAM_TRY(const auto members, file.members(*variables));
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto found = members.find(std::to_string(i));
    if (found == members.end()) return bad_keras("it lacks weights of the layer " + quote(name));
    GRADCAM_TRY(ForeignArray array, file.array(found->second, name + "/" + found->first));
    arrays.push_back(std::move(array));
  }
  return {};
}

/// Keras 3 names the group of a layer by its class and a count, later versions by its name.
Result<void> add_described(Hdf5& file, Hdf5::Object model, const UntrustedJson& description,
                           int depth, std::vector<ForeignArray>& arrays) {
  GRADCAM_TRY(const auto layers, find_layers(file, model));
  if (!layers || depth > kMostNested) return {};
  const auto& groups = layers->groups;
  const UntrustedJson& list = layers_of(description);
  const auto name_of = [](const UntrustedJson& layer) {
    return text_of(member(layer, "config"), "name");
  };
  const bool by_name = std::ranges::all_of(groups, [&](const auto& group) {
    return std::ranges::any_of(
        list, [&](const UntrustedJson& layer) { return name_of(layer) == group.first; });
  });
  std::map<std::string, int> counts;
  for (const UntrustedJson& layer : list) {
    const std::string kind = text_of(layer, "class_name");
    std::string key = snake_case(kind);
    const bool has_weights = is_one_of(kind, {"Conv2D", "Dense", "BatchNormalization"});
    int& counted = counts[key];
    const int count = std::exchange(counted, counted + (has_weights ? layers->count : 1));
    if (count > 0) key += "_" + std::to_string(count);
    const auto group = groups.find(by_name ? name_of(layer) : key);
    if (group == groups.end()) {
      if (has_weights) return bad_keras("it lacks the weights of " + quote(name_of(layer)));
      continue;
    }
    if (layers_of(layer).is_array()) {
      GRADCAM_CHECK_OK(add_described(file, group->second, layer, depth + 1, arrays));
    } else {
      GRADCAM_CHECK_OK(add_numbered(file, group->second, name_of(layer), arrays));
    }
  }
  return {};
}

/// The same without a description: by the counts in the groups' names, dense layers last.
Result<void> add_undescribed(Hdf5& file, Hdf5::Object model, int depth,
                             std::vector<ForeignArray>& convs, std::vector<ForeignArray>& dense) {
  GRADCAM_TRY(const auto layers, find_layers(file, model));
  if (!layers || depth > kMostNested) return {};
  const auto& groups = layers->groups;
  std::vector<std::pair<std::string, Hdf5::Object>> sorted(groups.begin(), groups.end());
  // conv2d, conv2d_1, ..., conv2d_9, conv2d_10
  std::ranges::sort(sorted, {},
                    [](const auto& group) { return std::pair(group.first.size(), group.first); });
  for (const auto& [name, group] : sorted) {
    std::vector<ForeignArray> arrays;
    GRADCAM_CHECK_OK(add_numbered(file, group, name, arrays));
    auto& all = !arrays.empty() && arrays.front().shape.size() == 4 ? convs : dense;
    all.insert(all.end(), arrays.begin(), arrays.end());
    GRADCAM_CHECK_OK(add_undescribed(file, group, depth + 1, convs, dense));
  }
  return {};
}

/// Whether what such arrays belong to is told apart by numbers alone: "dense", "dense_1", ...
bool are_numbered(const std::vector<ForeignArray>& arrays) {
  const auto without_number = [](const ForeignArray& array) {
    std::string name = array.name.substr(0, array.name.find('/'));
    std::erase_if(name, [](char c) { return c == '_' || (c >= '0' && c <= '9'); });
    return name;
  };
  return std::ranges::all_of(arrays, [&](const ForeignArray& array) {
    return without_number(array) == without_number(arrays.front());
  });
}

/// Brings dense layers, each a kernel and a bias, into the order in which each takes what the one
/// before it gives. False if there are several such orders.
bool order_dense(std::vector<ForeignArray>& arrays) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < arrays.size(); i += 2) {
    if (arrays[i].shape.size() != 2 || i + 1 == arrays.size()) return true;  // refused later
    order.push_back(i);
  }
  if (order.size() > kDenseLayers) return true;
  std::vector<std::size_t> found;
  do {
    bool fits = true;
    for (std::size_t i = 1; i < order.size(); ++i) {
      fits = fits && arrays[order[i - 1]].shape[1] == arrays[order[i]].shape[0];
    }
    if (fits && !found.empty()) return false;
    if (fits) found = order;
  } while (std::ranges::next_permutation(order).found);
  std::vector<ForeignArray> ordered;
  for (const std::size_t i : found) {
    ordered.push_back(arrays[i]);
    ordered.push_back(arrays[i + 1]);
  }
  if (!found.empty()) arrays = std::move(ordered);
  return true;
}

/// All layers of a file of Keras 3 that does not say what they are.
Result<std::vector<ForeignArray>> undescribed_arrays(Hdf5& file, Hdf5::Object root) {
  std::vector<ForeignArray> arrays;
  std::vector<ForeignArray> dense;
  GRADCAM_CHECK_OK(add_undescribed(file, root, 0, arrays, dense));
  if (arrays.empty()) {
    return bad_keras("it is an HDF5 file, but has no layer_names and no layers as Keras has");
  }
  if (!are_numbered(arrays) || (!order_dense(dense) && !are_numbered(dense))) {
    return fail(ErrorCode::kUnsupportedFormat,
                "the names of its layers do not tell their order; save the whole model: "
                "model.save(\"x.keras\")");
  }
  arrays.insert(arrays.end(), dense.begin(), dense.end());
  return arrays;
}

/// Theano turned kernels by 180 degrees; Keras turns them back when it loads them.
Result<void> check_backend(Hdf5& file, Hdf5::Object object) {
  GRADCAM_TRY(const auto backend, file.texts(object, "backend"));
  if (!backend || backend->empty() || backend->front() != "theano") return {};
  return fail(ErrorCode::kUnsupportedFormat,
              "it is of Keras on Theano, whose kernels are turned; load it in Keras on TensorFlow, "
              "and save it again");
}

ForeignVgg16 keras_network() {
  ForeignVgg16 network;
  network.channels_last = true;
  network.preprocess = kKerasPreprocess;
  return network;
}

}  // namespace

Result<ForeignVgg16> read_keras_hdf5(Window& window) {
  GRADCAM_TRY(Hdf5 file, Hdf5::open(window, 0));
  GRADCAM_TRY(const auto weights, file.find(file.root(), "model_weights"));
  const Hdf5::Object root = weights.value_or(file.root());
  for (const Hdf5::Object object : {file.root(), root}) {
    GRADCAM_CHECK_OK(check_backend(file, object));
  }
  ForeignVgg16 network = keras_network();
  KerasDescription description(network);
  GRADCAM_TRY(const auto config, file.texts(file.root(), "model_config"));
  if (config && !config->empty()) {
    GRADCAM_TRY(const UntrustedJson model, parse_description(config->front()));
    GRADCAM_CHECK_OK(description.read(model));
  }
  GRADCAM_TRY(const auto layers, list_of_names(file, root, "layer_names"));
  std::vector<ForeignArray> arrays;
  if (!layers.empty()) {
    GRADCAM_TRY(arrays, named_arrays(file, root, layers, description.names()));
  } else {
    GRADCAM_TRY(arrays, undescribed_arrays(file, root));
  }
  GRADCAM_CHECK_OK(add_layers(std::move(arrays), description.norms(), network));
  return network;
}

Result<ForeignVgg16> read_keras_archive(Window& window, const ZipDirectory& archive) {
  GRADCAM_TRY(const FileRange config, archive.find(window, "config.json"));
  GRADCAM_TRY(const auto text, window.read(config.begin, config.end - config.begin));
  GRADCAM_TRY(const UntrustedJson model, parse_description({text.begin(), text.end()}));
  ForeignVgg16 network = keras_network();
  KerasDescription description(network);
  GRADCAM_CHECK_OK(description.read(model));
  GRADCAM_TRY(const FileRange weights, archive.find(window, kKerasWeights));
  GRADCAM_TRY(Hdf5 file, Hdf5::open(window, weights.begin));
  std::vector<ForeignArray> arrays;
  GRADCAM_CHECK_OK(add_described(file, file.root(), model, 0, arrays));
  GRADCAM_CHECK_OK(add_layers(std::move(arrays), description.norms(), network));
  return network;
}

}  // namespace gradcam
