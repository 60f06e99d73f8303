#include "gradcam/import/keras_description.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "gradcam/tensor/json.h"
#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

using internal::quote;
using internal::UntrustedJson;

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

class DescriptionReader {
 public:
  explicit DescriptionReader(ForeignVgg16& network) : network_(&network) {}

  Result<KerasDescription> read(const UntrustedJson& model) {
    GRADCAM_CHECK_OK(check_other_vgg(convs_in(layers_of(model), 0)));
    GRADCAM_TRY(found_.layers, read_layers(layers_of(model), 0));
    GRADCAM_CHECK_OK(check_blocks(blocks_, "MaxPooling2D"));
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
    return std::move(found_);
  }

 private:
  struct DenseLayer {
    std::string name;
    std::string activation;
    std::uint64_t units = 0;
  };

  static std::unexpected<Error> unlike(const std::string& layer, const std::string& what) {
    return unlike_vgg16("layer", layer, what);
  }

  /// How many convolutions are in layers, and in those of models among them.
  static std::size_t convs_in(const UntrustedJson& layers, int depth) {
    std::size_t convs = 0;
    if (!layers.is_array() || depth > kMostNestedKeras) return convs;
    for (const UntrustedJson& layer : layers) {
      convs += text_of(layer, "class_name") == "Conv2D" ? 1 : convs_in(layers_of(layer), depth + 1);
    }
    return convs;
  }

  Result<std::vector<KerasLayer>> read_layers(const UntrustedJson& layers, int depth) {
    std::vector<KerasLayer> read;
    if (!layers.is_array() || depth > kMostNestedKeras) return read;
    for (const UntrustedJson& layer : layers) {
      const UntrustedJson& config = member(layer, "config");
      KerasLayer& next = read.emplace_back();
      next.kind = text_of(layer, "class_name");
      next.name = text_of(config, "name");
      next.is_model = layers_of(layer).is_array();
      if (next.is_model) {
        GRADCAM_TRY(next.layers, read_layers(layers_of(layer), depth + 1));
      } else {
        GRADCAM_CHECK_OK(read_layer(layer, next.kind, next.name, config));
      }
    }
    return read;
  }

  Result<void> read_layer(const UntrustedJson& layer, const std::string& kind,
                          const std::string& name, const UntrustedJson& config) {
    found_.names.push_back(name);
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
      found_.norms.push_back({.layer = dense_.size() - (is_before ? 0 : 1),
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
    if (!found_.norms.empty()) return unlike(name, "follows a batch normalisation");
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
    const bool is_behind_norm = !found_.norms.empty() && found_.norms.back().is_before &&
                                found_.norms.back().layer == dense_.size();
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
  KerasDescription found_;
  bool rescales_ = false;
  bool flips_ = false;  // channels
  bool adds_ = false;   // to each
  bool has_conv_ = false;
  bool has_relu_ = false;   // behind the last convolution
  int convs_ = 0;           // since the last pooling
  std::size_t blocks_ = 0;  // that ended with one
  std::vector<DenseLayer> dense_;
};

}  // namespace

Result<KerasDescription> read_keras_description(std::string_view text, ForeignVgg16& network) {
  constexpr std::size_t kMostEntries = 5'000;  // a VGG16 has some 1,500
  const UntrustedJson json = internal::parse_untrusted(text, {.entries = kMostEntries});
  if (!json.is_object()) {
    return fail(ErrorCode::kCorruptModel,
                "its description of the model is no JSON object, or longer than any VGG16's");
  }
  return DescriptionReader(network).read(json);
}

}  // namespace gradcam
