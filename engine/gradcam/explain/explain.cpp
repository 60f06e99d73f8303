#include "gradcam/explain/explain.h"

#include <algorithm>
#include <string>
#include <utility>

#include "gradcam/explain/ablation_cam.h"
#include "gradcam/explain/guided_backprop.h"
#include "gradcam/explain/guided_grad_cam.h"
#include "gradcam/image/preprocess.h"

namespace gradcam {

Result<void> check_options(const Method& method, const ExplainOptions& options) {
  if (method.cam.map == nullptr && method.plan == nullptr && !method.is_guided) {
    return fail(ErrorCode::kInvalidArgument, "a method makes maps in one way at least");
  }
  if (method.has_layer &&
      (options.layers.empty() || std::ranges::max(options.layers) >= kMapLayers)) {
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

Result<std::vector<Heatmap>> maps_by_ablation(const Method& method, const ExplainContext& context,
                                              std::span<const std::size_t> classes) {
  const Activations& activations = context.activations;
  const std::vector<std::size_t> channels = audible_channels(activations.block5_pool);
  GRADCAM_TRY(const Tensor drops,
              context.model.drops_without_channels(activations, channels, classes));
  std::vector<float> scores;
  for (const std::size_t c : classes) scores.push_back(activations.logits.data()[c]);
  return method.ablation_maps(context.view(), channels, drops, scores);
}

Result<std::vector<Heatmap>> explain_at(const Vgg16& model, const Tensor& input,
                                        Activations& activations,
                                        std::span<const std::size_t> classes, const Method& method,
                                        const ExplainOptions& options, std::size_t layer) {
  GRADCAM_CHECK_OK(model.complete(activations, method.is_guided ? 0 : layer));
  GRADCAM_CHECK_OK(model.check_map(activations, layer));
  const ExplainContext context{.model = model,
                               .activations = activations,
                               .layer = layer,
                               .principal_component = options.principal_component};
  if (takes_passes(method, layer)) {
    GRADCAM_TRY(const MapPlan plan, method.plan({.model = model,
                                                 .input = input,
                                                 .logits = activations.logits.values(),
                                                 .view = context.view(),
                                                 .layer = layer,
                                                 .channels = options.channels},
                                                classes));
    GRADCAM_TRY(Activations scratch, model.make_activations());
    return carry_out(plan, model, scratch, options.progress);
  }
  if (method.ablation_maps != nullptr) return maps_by_ablation(method, context, classes);
  std::vector<Heatmap> maps;
  if (method.cam.map != nullptr) {
    GRADCAM_TRY(maps, explain_by(method.cam, context, classes));
  }
  if (!method.is_guided) return maps;
  GRADCAM_TRY(const std::vector<Tensor> gradients, guided_gradients(context, classes));
  return guided_maps(gradients, maps);
}

/// Several maps of each class made one.
std::vector<Heatmap> fuse_each(const std::vector<std::vector<Heatmap>>& by_class,
                               Heatmap (*fuse)(std::span<const Heatmap> maps)) {
  std::vector<Heatmap> fused;
  for (const std::vector<Heatmap>& maps : by_class) fused.push_back(fuse(maps));
  return fused;
}

void append(std::vector<Heatmap> maps, std::vector<std::vector<Heatmap>>& by_class) {
  by_class.resize(maps.size());
  for (std::size_t i = 0; i < maps.size(); ++i) by_class[i].push_back(std::move(maps[i]));
}

}  // namespace

Result<std::vector<Heatmap>> at_layers(
    const Method& method, std::span<const std::size_t> layers,
    const std::function<Result<std::vector<Heatmap>>(std::size_t layer)>& make_maps) {
  if (!method.has_layer) return make_maps(kBlock5Conv3);
  std::vector<std::vector<Heatmap>> by_class;
  for (const std::size_t layer : layers) {
    GRADCAM_TRY(std::vector<Heatmap> maps, make_maps(layer));
    append(std::move(maps), by_class);
  }
  return fuse_each(by_class, method.fuse);
}

Result<std::vector<Heatmap>> augmented(const Tensor& input, const MakeMaps& make_maps) {
  std::vector<std::vector<Heatmap>> by_class;
  for (const bool mirrored : {false, true}) {
    for (const float factor : {0.9f, 1.0f, 1.1f}) {
      GRADCAM_TRY(Tensor view, input.clone());
      for (float& value : view.values()) value *= factor;
      if (mirrored) mirror(view.values(), view.dim(1), view.dim(2));
      GRADCAM_TRY(std::vector<Heatmap> maps, make_maps(view));
      for (Heatmap& map : maps) {
        if (mirrored) mirror(map.values, map.cols, 1);
      }
      append(std::move(maps), by_class);
    }
  }
  return fuse_each(by_class, fuse_by_mean);
}

Result<std::vector<Heatmap>> explain(const Vgg16& model, const Tensor& input,
                                     Activations& activations, std::span<const std::size_t> classes,
                                     const Method& method, const ExplainOptions& options) {
  GRADCAM_CHECK_OK(check_options(method, options));
  GRADCAM_CHECK_OK(model.check_input(input));
  const auto maps_of = [&](const Tensor& view, Activations& seen) {
    return at_layers(method, options.layers, [&](std::size_t layer) {
      return explain_at(model, view, seen, classes, method, options, layer);
    });
  };
  if (!options.augment) return maps_of(input, activations);
  GRADCAM_TRY(Activations seen, model.make_activations());
  return augmented(input, [&](const Tensor& view) -> Result<std::vector<Heatmap>> {
    GRADCAM_CHECK_OK(model.forward(view, seen));
    return maps_of(view, seen);
  });
}

}  // namespace gradcam
