#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "explain/methods.h"

namespace gradcam {

/// Called as a method with many forward passes goes on: passes done, and of how many. What returns
/// false stops it, with the error kCancelled.
using PassProgress = std::function<bool(std::size_t done, std::size_t total)>;

struct ExplainOptions {
  std::vector<std::size_t> layers = {kBlock5Conv3};  ///< map layers; the maps of several are fused
  /// Test-time augmentation as pytorch-grad-cam's aug_smooth: the mean of the maps of the input,
  /// times 0.9, 1 and 1.1, each as it is and mirrored. Six times the work.
  bool augment = false;
  /// The first principal component of what the channels contribute instead of their sum, as
  /// pytorch-grad-cam's eigen_smooth.
  bool principal_component = false;
  std::size_t channels = 32;  ///< that Score-CAM tries; 0 for all
  PassProgress progress = nullptr;
};

/// kInvalidArgument for a layer that does not exist, and for a principal component of a method that
/// adds up no channels.
Result<void> check_options(const Method& method, const ExplainOptions& options);

/// How maps of these classes are made at the one layer of the options, without augmentation; for
/// callers who want to make them step by step (see PassRun). What is given must outlive the plan.
Result<PassPlan> plan_explanation(const Vgg16& model, const Tensor& input, Activations& activations,
                                  std::span<const std::size_t> classes, const Method& method,
                                  const ExplainOptions& options = {});

/// A map for each of the classes by a method. `activations` are of a forward pass of `input`; they
/// are completed as far as the layers need. A method without layers ignores them.
/// kInvalidArgument for a class that does not exist, and as check_options says.
Result<std::vector<Heatmap>> explain(const Vgg16& model, const Tensor& input,
                                     Activations& activations, std::span<const std::size_t> classes,
                                     const Method& method, const ExplainOptions& options = {});

}  // namespace gradcam
