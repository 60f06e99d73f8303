#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "gradcam/import/foreign.h"

namespace gradcam {

/// Models in models, at most.
inline constexpr int kMostNestedKeras = 4;

/// A layer of a description, or a model that is one.
struct KerasLayer {
  std::string kind;  ///< its class, "Conv2D"
  std::string name;
  bool is_model = false;
  std::vector<KerasLayer> layers = {};  ///< of a model
};

/// Batch normalisation among the dense layers.
struct DenseNorm {
  std::size_t layer = 0;   ///< which dense layer it is of
  bool is_before = false;  ///< before that layer, or between it and its ReLU
  float epsilon = 0;
  bool has_scale = true;
  bool has_shift = true;
};

/// What a description tells of a network that its weights do not.
struct KerasDescription {
  std::vector<KerasLayer> layers;
  std::vector<std::string> names;  ///< of all layers that are no models, as the forward pass goes
  std::vector<DenseNorm> norms;
  /// Normalization layers of a photo whose numbers are among the weights: with these, the
  /// description must be read again.
  std::vector<std::string> adapted;
};

/// What a Normalization knows by adapt(): a number for each channel, or one for all.
struct KerasMoments {
  std::vector<float> means;
  std::vector<float> variances;
};

/// Reads the JSON in which a model of Keras describes itself. What there is of the input and of
/// preprocessing goes to the network. kUnsupportedFormat, naming it, for a layer that VGG16 has
/// not.
Result<KerasDescription> read_keras_description(
    std::string_view text, ForeignVgg16& network,
    const std::map<std::string, KerasMoments>& adapted = {});

}  // namespace gradcam
