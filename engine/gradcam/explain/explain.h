#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "gradcam/explain/methods.h"
#include "gradcam/explain/passes.h"

namespace gradcam {

struct ExplainOptions {
  std::vector<std::size_t> layers = {kBlock5Conv3};  ///< map layers; of several, see Method::fuse
  /// Test-time augmentation as pytorch-grad-cam's aug_smooth: the mean of the maps of the input,
  /// times 0.9, 1 and 1.1, each as it is and mirrored. Six times the work.
  bool augment = false;
  /// The first principal component of what the channels contribute instead of their sum, as
  /// pytorch-grad-cam's eigen_smooth.
  bool principal_component = false;
  std::size_t channels = kUsualChannels;  ///< that Score-CAM tries; 0 for all
  /// Of methods that take many passes: those for one layer of one view, then those for the next.
  PassProgress progress = nullptr;
};

/// kInvalidArgument for a method that makes no maps, for a layer that does not exist, unless the
/// method has none, and for a principal component of a method that adds up no channels.
Result<void> check_options(const Method& method, const ExplainOptions& options);

/// Makes maps of an input, or of another view of it.
using MakeMaps = std::function<Result<std::vector<Heatmap>>(const Tensor& input)>;

/// As ExplainOptions::augment says.
Result<std::vector<Heatmap>> augmented(const Tensor& input, const MakeMaps& make_maps);

/// As ExplainOptions::layers says: the maps of several layers fused, class by class.
Result<std::vector<Heatmap>> at_layers(
    const Method& method, std::span<const std::size_t> layers,
    const std::function<Result<std::vector<Heatmap>>(std::size_t layer)>& make_maps);

/// A map for each of the classes, in their order, by a method. `activations` are of a forward pass
/// of `input`; they are completed as far as the layers need. `options.layers` do not count for a
/// method that has none (Method::has_layer).
/// kInvalidArgument for a class that does not exist, for activations of another model, which are
/// not looked at with `augment`, and as check_options says; kCancelled if `options.progress` says
/// so; kOutOfMemory.
Result<std::vector<Heatmap>> explain(const Vgg16& model, const Tensor& input,
                                     Activations& activations, std::span<const std::size_t> classes,
                                     const Method& method, const ExplainOptions& options = {});

}  // namespace gradcam
