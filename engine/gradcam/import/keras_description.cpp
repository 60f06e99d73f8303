#include "gradcam/import/keras_description.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "gradcam/import/keras_nodes.h"
#include "gradcam/import/keras_photo.h"
#include "gradcam/tensor/json.h"
#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

using internal::quote;
using internal::UntrustedJson;

/// The name of an activation, which may be a function that was described.
std::string activation_of(const UntrustedJson& config) {
  const UntrustedJson& activation = member(config, "activation");
  if (activation.is_string()) return activation.get<std::string>();
  const std::string name = text_of(activation, "config");
  return name.empty() ? text_of(member(activation, "config"), "name") : name;
}

class DescriptionReader {
 public:
  DescriptionReader(ForeignVgg16& network, const std::map<std::string, KerasMoments>& adapted)
      : network_(&network), adapted_{.known = adapted, .lacking = {}} {}

  Result<KerasDescription> read(const UntrustedJson& model) {
    if (!layers_of(model).is_array()) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "its model of the class " + quote(text_of(model, "class_name")) +
                      " does not describe its layers; expected is a functional model, or a "
                      "Sequential");
    }
    GRADCAM_CHECK_OK(check_other_vgg(convs_in(layers_of(model), 0)));
    KerasPhoto photo;
    GRADCAM_TRY(found_.layers, read_layers(model, 0, photo));
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
    found_.adapted = std::move(adapted_.lacking);
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

  /// Of a model with one output. photo: what it is given, and then what it gives, if that is no map
  /// of a convolution yet.
  Result<std::vector<KerasLayer>> read_layers(const UntrustedJson& model, int depth,
                                              KerasPhoto& photo) {
    std::vector<KerasLayer> read;
    const UntrustedJson& layers = layers_of(model);
    if (!layers.is_array() || depth > kMostNestedKeras) return read;
    GRADCAM_CHECK_OK(check_outputs(member(model, "config")));
    KerasPhotos photos(photo, adapted_);
    std::string before;  // the layer
    for (const UntrustedJson& layer : layers) {
      const UntrustedJson& config = member(layer, "config");
      KerasLayer& next = read.emplace_back();
      next.kind = text_of(layer, "class_name");
      next.name = text_of(config, "name");
      // Operations of the first Keras 3 have it there alone.
      if (next.name.empty()) next.name = text_of(layer, "name");
      next.is_model = layers_of(layer).is_array();
      GRADCAM_TRY(const auto operands, operands_of(layer, next.name));
      if (has_conv_) {
        for (const KerasOperand& operand : operands) {
          if (operand.constant != nullptr || operand.layer == before) continue;
          return unlike(next.name, "is given what " + quote(operand.layer) +
                                       " gives, where one layer follows another");
        }
      }
      if (next.is_model) {
        KerasPhoto given;
        if (!has_conv_) {
          GRADCAM_TRY(given, photos.given(next.name, operands));
        }
        GRADCAM_TRY(next.layers, read_layers(layer, depth + 1, given));
        photos.add(next.name, std::move(given));
      } else {
        GRADCAM_CHECK_OK(read_layer(next.kind, next.name, config, operands, photos));
      }
      before = next.name;
    }
    photo = photos.last();
    return read;
  }

  /// Other than one output means several of them, not one after the other.
  static Result<void> check_outputs(const UntrustedJson& config) {
    const UntrustedJson& outputs = member(config, "output_layers");
    // A single one may be ["dense", 0, 0] itself.
    const bool is_list = outputs.is_object() ||
                         (outputs.is_array() && !outputs.empty() && !outputs.front().is_string());
    if (!is_list || outputs.size() < 2) return {};
    return fail(ErrorCode::kUnsupportedFormat, "its model " + quote(text_of(config, "name")) +
                                                   " has " + std::to_string(outputs.size()) +
                                                   " outputs, where a VGG16 has one");
  }

  Result<void> read_layer(const std::string& kind, const std::string& name,
                          const UntrustedJson& config, const std::vector<KerasOperand>& operands,
                          KerasPhotos& photos) {
    found_.names.push_back(name);
    GRADCAM_CHECK_OK(read_side(kind, name, config));
    if (kind == "Conv2D") {
      if (!has_conv_) {
        GRADCAM_TRY(const KerasPhoto photo, photos.given(name, operands));
        GRADCAM_TRY(const auto preprocess, preprocess_of(photo, name));
        if (preprocess) network_->preprocess = *preprocess;
      }
      return read_conv(name, config);
    }
    if (!has_conv_) return photos.read(kind, name, config, operands);
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
    } else if (kind != "Flatten" && !is_idle_keras(kind)) {
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

  /// The input's, if the layer tells.
  Result<void> read_side(const std::string& kind, const std::string& name,
                         const UntrustedJson& config) {
    const auto read = [&](const UntrustedJson& rows, const UntrustedJson& columns) -> Result<void> {
      if (rows != columns) return unlike(name, "takes what is no square");
      if (!rows.is_number_unsigned()) return {};
      const auto side = rows.get<std::uint64_t>();
      if (side <= kMaxPreprocessSide) network_->side = static_cast<int>(side);
      return {};
    };
    if (has_conv_) return {};
    // Photos of other sides are resized to these, which is done to all of them anyway.
    if (kind == "Resizing") return read(member(config, "height"), member(config, "width"));
    for (const char* key : {"batch_input_shape", "batch_shape"}) {
      const UntrustedJson& shape = member(config, key);
      if (network_->side || !shape.is_array() || shape.size() != 4) continue;
      GRADCAM_CHECK_OK(read(shape[1], shape[2]));
    }
    return {};
  }

  ForeignVgg16* network_;
  KerasAdapted adapted_;
  KerasDescription found_;
  bool has_conv_ = false;
  bool has_relu_ = false;   // behind the last convolution
  int convs_ = 0;           // since the last pooling
  std::size_t blocks_ = 0;  // that ended with one
  std::vector<DenseLayer> dense_;
};

}  // namespace

Result<KerasDescription> read_keras_description(
    std::string_view text, ForeignVgg16& network,
    const std::map<std::string, KerasMoments>& adapted) {
  constexpr std::size_t kMostEntries = 5'000;  // a VGG16 has some 1,500
  const UntrustedJson json = internal::parse_untrusted(text, {.entries = kMostEntries});
  if (!json.is_object()) {
    return fail(ErrorCode::kCorruptModel,
                "its description of the model is no JSON object, or longer than any VGG16's");
  }
  return DescriptionReader(network, adapted).read(json);
}

}  // namespace gradcam
