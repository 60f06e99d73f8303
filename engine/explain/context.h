#pragma once

#include <cstddef>

#include "vgg16/vgg16.h"

namespace gradcam {

/// A map layer's output, before pooling, and how what its channels contribute becomes a map.
struct LayerView {
  const Tensor& activation;          ///< [H, W, C]
  bool principal_component = false;  ///< combine channels by their first principal component
};

/// What a method may look at.
struct ExplainContext {
  const Vgg16& model;
  const Tensor& input;               ///< [size, size, 3], as `preprocess` gives it
  const Activations& activations;    ///< of that input, complete down to the layer
  std::size_t layer = kBlock5Conv3;  ///< a map layer, see vgg16/plan.h
  bool principal_component = false;  ///< as LayerView has it
  std::size_t channels = 32;         ///< Score-CAM's; 0 for all

  const Tensor& activation() const { return activations.map(layer); }
  LayerView view() const { return {activation(), principal_component}; }
};

}  // namespace gradcam
