#pragma once

#include <cstddef>
#include <functional>

#include "vgg16/vgg16.h"

namespace gradcam {

/// Called as a method with many forward passes goes on: passes done, and of how many. What returns
/// false stops it, with the error kCancelled.
using PassProgress = std::function<bool(std::size_t done, std::size_t total)>;

/// What a method may look at.
struct ExplainContext {
  const Vgg16& model;
  const Tensor& input;               ///< [size, size, 3], as `preprocess` gives it
  const Activations& activations;    ///< of that input, complete down to the layer
  std::size_t layer = kBlock5Conv3;  ///< a map layer, see vgg16/plan.h
  bool principal_component = false;  ///< combine channels by their first principal component
  std::size_t channels = 32;         ///< Score-CAM's; 0 for all
  PassProgress progress = nullptr;

  const Tensor& activation() const { return activations.map(layer); }

  /// An error if the caller wants no more.
  Result<void> report(std::size_t done, std::size_t total) const {
    if (!progress || progress(done, total)) return {};
    return fail(ErrorCode::kCancelled, "stopped before all forward passes were done");
  }
};

}  // namespace gradcam
