#include "explain/together.h"

#include <string>
#include <utility>

#include "explain/ablation_cam.h"

namespace gradcam {

bool runs_together(const Method& method, std::size_t layer) {
  return method.cam.map != nullptr || (method.ablation_maps != nullptr && layer >= kBlock5Conv3);
}

Outlook outlook(const Method& method, std::size_t layer) {
  return {.layer = layer,
          .ablation = method.ablation_maps != nullptr && runs_together(method, layer)};
}

Result<void> begin_together(Member& member, const Method& method,
                            std::span<const std::size_t> classes, std::size_t layer) {
  if (!runs_together(method, layer)) {
    return fail(ErrorCode::kInvalidArgument,
                std::string(method.name) + " needs all the weights in one place");
  }
  const Vgg16& model = member.model();
  if (method.ablation_maps != nullptr) {
    GRADCAM_TRY(Tensor seeds, model.class_seeds(classes));
    return member.begin_ablation({.seeds = std::move(seeds), .layer = layer},
                                 audible_channels(member.activations().block5_pool));
  }
  const Cam& cam = method.cam;
  GradientRequest request{
      .seeds = {}, .layer = layer, .only_means = cam.gradient == GradientUse::kMeans};
  GRADCAM_TRY(request.seeds, cam.scores(model, member.activations(), classes));
  if (cam.gradient == GradientUse::kNone) {
    GRADCAM_TRY(request.seeds, Tensor::zeros({0, model.classes()}));
  }
  return member.begin_gradients(std::move(request));
}

Result<std::vector<Heatmap>> maps_together(const Member& first, const Method& method,
                                           std::span<const std::size_t> classes,
                                           bool principal_component) {
  const Gathered& gathered = first.gathered();
  if (gathered.activation.empty() || first.progress() != Progress::kDone) {
    return fail(ErrorCode::kInvalidArgument, "no classes have been explained");
  }
  const LayerView layer{gathered.activation, principal_component};
  if (method.ablation_maps != nullptr) {
    const auto channels = audible_channels(first.activations().block5_pool);
    std::vector<float> scores;
    for (const std::size_t c : classes) scores.push_back(first.activations().logits.data()[c]);
    return method.ablation_maps(layer, channels, gathered.drops, scores);
  }
  return cam_maps(method.cam, layer, gathered.gradients, classes.size());
}

}  // namespace gradcam
