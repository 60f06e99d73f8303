#include "explain/explain.h"

#include <algorithm>
#include <string>
#include <utility>

namespace gradcam {
Result<void> check_options(const Method& method, const ExplainOptions& options) {
  if (options.layers.empty() || std::ranges::max(options.layers) >= kMapLayers) {
    return fail(ErrorCode::kInvalidArgument, "a heatmap takes at least one of the layers 0 to " +
                                                 std::to_string(kMapLayers - 1));
  }
  if (options.principal_component && !method.has_channels) {
    return fail(ErrorCode::kInvalidArgument,
                std::string(method.name) +
                    " adds up no channels that a principal component could stand for");
  }
  return {};
}

namespace {

Result<PassPlan> plan_at(const Vgg16& model, const Tensor& input, Activations& activations,
                         std::span<const std::size_t> classes, const Method& method,
                         const ExplainOptions& options, std::size_t layer) {
  if (!method.has_layer) layer = kBlock5Conv3;
  GRADCAM_CHECK_OK(model.complete(activations, method.reaches_input ? 0 : layer));
  const ExplainContext context{.model = model,
                               .input = input,
                               .activations = activations,
                               .layer = layer,
                               .principal_component = options.principal_component,
                               .channels = options.channels};
  if (method.plan != nullptr) return method.plan(context, classes);
  const std::vector<std::size_t> wanted(classes.begin(), classes.end());
  return PassPlan{.maps = [context, wanted, method](const Tensor&) {
    return method.explain != nullptr ? method.explain(context, wanted)
                                     : explain_by(method.cam, context, wanted);
  }};
}

/// The maps of one input, those of several layers fused.
Result<std::vector<Heatmap>> explain_once(const Vgg16& model, const Tensor& input,
                                          Activations& activations,
                                          std::span<const std::size_t> classes,
                                          const Method& method, const ExplainOptions& options) {
  std::vector<std::size_t> layers = options.layers;
  if (!method.has_layer) layers.resize(1);
  std::vector<std::vector<Heatmap>> by_class(classes.size());
  for (const std::size_t layer : layers) {
    GRADCAM_TRY(PassPlan plan, plan_at(model, input, activations, classes, method, options, layer));
    GRADCAM_TRY(PassRun run, PassRun::begin(model, std::move(plan)));
    while (run.left() > 0) {
      if (options.progress && !options.progress(run.passes() - run.left(), run.passes())) {
        return fail(ErrorCode::kCancelled, "stopped before all forward passes were done");
      }
      GRADCAM_CHECK_OK(run.step());
    }
    GRADCAM_TRY(std::vector<Heatmap> maps, run.maps());
    for (std::size_t i = 0; i < maps.size(); ++i) by_class[i].push_back(std::move(maps[i]));
  }
  std::vector<Heatmap> fused;
  for (const std::vector<Heatmap>& maps : by_class) fused.push_back(fuse(maps));
  return fused;
}

/// Swaps left and right in rows of `width` groups of `depth` values.
void mirror(std::span<float> values, std::size_t width, std::size_t depth) {
  const std::size_t row = width * depth;
  for (std::size_t begin = 0; begin < values.size(); begin += row) {
    for (std::size_t x = 0; x < width / 2; ++x) {
      const auto left = values.subspan(begin + x * depth, depth);
      std::ranges::swap_ranges(left, values.subspan(begin + (width - 1 - x) * depth, depth));
    }
  }
}

Result<std::vector<Heatmap>> explain_augmented(const Vgg16& model, const Tensor& input,
                                               std::span<const std::size_t> classes,
                                               const Method& method,
                                               const ExplainOptions& options) {
  GRADCAM_TRY(Activations activations, model.make_activations());
  std::vector<std::vector<Heatmap>> by_class(classes.size());
  for (const bool mirrored : {false, true}) {
    for (const float factor : {0.9f, 1.0f, 1.1f}) {
      GRADCAM_TRY(Tensor view, input.clone());
      for (float& value : view.values()) value *= factor;
      if (mirrored) mirror(view.values(), view.dim(1), view.dim(2));
      GRADCAM_CHECK_OK(model.forward(view, activations));
      GRADCAM_TRY(std::vector<Heatmap> maps,
                  explain_once(model, view, activations, classes, method, options));
      for (std::size_t i = 0; i < maps.size(); ++i) {
        if (mirrored) mirror(maps[i].values, maps[i].cols, 1);
        by_class[i].push_back(std::move(maps[i]));
      }
    }
  }
  std::vector<Heatmap> means;
  for (const std::vector<Heatmap>& maps : by_class) means.push_back(fuse(maps));
  return means;
}

}  // namespace

Result<PassPlan> plan_explanation(const Vgg16& model, const Tensor& input, Activations& activations,
                                  std::span<const std::size_t> classes, const Method& method,
                                  const ExplainOptions& options) {
  GRADCAM_CHECK_OK(check_options(method, options));
  return plan_at(model, input, activations, classes, method, options, options.layers.front());
}

Result<std::vector<Heatmap>> explain(const Vgg16& model, const Tensor& input,
                                     Activations& activations, std::span<const std::size_t> classes,
                                     const Method& method, const ExplainOptions& options) {
  GRADCAM_CHECK_OK(check_options(method, options));
  if (options.augment) return explain_augmented(model, input, classes, method, options);
  return explain_once(model, input, activations, classes, method, options);
}

}  // namespace gradcam
