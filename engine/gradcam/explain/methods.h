#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gradcam/explain/cam.h"
#include "gradcam/explain/context.h"
#include "gradcam/explain/heatmap.h"
#include "gradcam/explain/passes.h"

namespace gradcam {

/// A way to make a heatmap. Each has a file of its own, which cites its source.
struct Method {
  std::string_view name;   ///< as in --method: "gradcam", "hirescam", ...
  std::string_view title;  ///< for people: "Grad-CAM"
  std::string_view about;  ///< one sentence on what the map shows
  /// The beginning of a sentence on one map; its class, if it is of one, in the place of "{}".
  std::string_view caption = "where it looked for {}";

  Cam cam = {};  ///< if it is one; otherwise its `map` is null, and it is one of these two:

  /// Guided backpropagation to the input; times the map of the Cam, if there is one.
  bool is_guided = false;

  /// A map for each of the classes by many further forward passes.
  Result<MapPlan> (*plan)(const PassContext& context,
                          std::span<const std::size_t> classes) = nullptr;

  /// Of a plan: the same at block5_conv3 and block5_pool, from what scores lose without each of the
  /// channels that matter (see ablation_cam_maps).
  Result<std::vector<Heatmap>> (*ablation_maps)(const LayerView& layer,
                                                std::span<const std::size_t> channels,
                                                const Tensor& drops,
                                                std::span<const float> scores) = nullptr;

  /// The maps of several layers as one: the mean, as in pytorch-grad-cam, unless its paper has it
  /// otherwise.
  Heatmap (*fuse)(std::span<const Heatmap> maps) = fuse_by_mean;

  bool has_layer = true;        ///< looks at a layer's map; otherwise at the input alone
  bool has_channels = true;     ///< adds up channels, which can be smoothed
  bool tries_channels = false;  ///< as many as PassContext::channels says
  bool is_slow = false;         ///< costs many forward passes at every layer
  bool is_decoration = false;   ///< shows edges of the input rather than what the network learned
  bool is_against = false;      ///< what is warm speaks against the class
  /// Whether Heatmap::maximum says how strong maps of several classes are beside each other. Not
  /// where weights are divided by what the class has of them; and the values of decorations are
  /// bent until edges can be seen, so that their maximum is not theirs.
  bool is_comparable = true;
};

/// A method's caption for a class of this name.
std::string caption_for(const Method& method, std::string_view label);

/// Whether maps by a method at a layer take many forward passes.
bool takes_passes(const Method& method, std::size_t layer);

/// Whether maps of all classes by a method at a layer cost little more than one (see explain_by).
bool takes_all_at_once(const Method& method, std::size_t layer);

/// All of them, the default one first.
std::span<const Method> methods();

/// The method of that name, be it written as in "GradCAM", "Grad-CAM++" or "guided_backprop":
/// capitals, "_", "-" and " " do not matter. kInvalidArgument, with the names of all, if there is
/// none.
Result<Method> find_method(std::string_view name);

/// The methods of these names, each once; all there are for "all".
Result<std::vector<Method>> find_methods(std::span<const std::string> names);

}  // namespace gradcam
