#pragma once

#include <cstddef>
#include <span>

#include "gradcam/vgg16/vgg16.h"

namespace gradcam {

/// A map layer's output, before pooling, and how what its channels contribute becomes a map.
struct LayerView {
  const Tensor& activation;          ///< [H, W, C]
  bool principal_component = false;  ///< combine channels by their first principal component
};

/// What a method that goes back through the network looks at.
struct ExplainContext {
  const Vgg16& model;
  const Activations& activations;    ///< of an input, complete down to the layer
  std::size_t layer = kBlock5Conv3;  ///< a map layer, see vgg16/plan.h
  bool principal_component = false;  ///< as LayerView has it

  const Tensor& activation() const { return activations.map(layer); }
  LayerView view() const { return {activation(), principal_component}; }
};

/// How many channels Score-CAM tries unless it is told.
inline constexpr std::size_t kUsualChannels = 32;

/// What a method of many forward passes looks at, after the first one.
struct PassContext {
  const Vgg16& model;             ///< or a member's share of it
  const Tensor& input;            ///< [size, size, 3], as `preprocess` gives it
  std::span<const float> logits;  ///< of that input
  LayerView view;                 ///< of the layer
  std::size_t layer = kBlock5Conv3;
  std::size_t channels = kUsualChannels;  ///< Score-CAM's; 0 for all
};

}  // namespace gradcam
