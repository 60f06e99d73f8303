#include "gradcam/explain/together.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/explain/ablation_cam.h"
#include "gradcam/explain/guided_grad_cam.h"

namespace gradcam {
namespace {

/// What a plan looks at, of a forward pass whose activations may be overwritten.
struct Kept {
  std::vector<Gathered> gathered;
  Tensor logits;
  std::vector<std::size_t> channels;  // that were ablated
  std::size_t channel_count = 0;      // of the layer
};

Result<std::vector<Heatmap>> maps_of(const Kept& kept, const Method& method,
                                     std::span<const std::size_t> classes,
                                     bool principal_component) {
  const LayerView view{kept.gathered.front().activation, principal_component};
  if (method.ablation_maps != nullptr) {
    std::vector<float> scores;
    for (const std::size_t c : classes) scores.push_back(kept.logits.data()[c]);
    return method.ablation_maps(view, kept.channels, kept.gathered.front().drops, scores);
  }
  std::vector<Heatmap> maps;
  if (method.cam.gradient == GradientUse::kMeans && !principal_component) {
    for (const Tensor& sum : kept.gathered.front().gradients) {
      maps.push_back(method.cam.map_of_sum(sum, kept.channel_count));
    }
  } else if (method.cam.map != nullptr) {
    GRADCAM_TRY(maps, cam_maps(method.cam, view, kept.gathered.front().gradients, classes.size()));
  }
  if (method.is_guided) return guided_maps(kept.gathered.back().gradients, maps);
  return maps;
}

/// Whether maps are made of what scores lose without each of some channels, in no further pass.
bool is_ablation(const Method& method, std::size_t layer) {
  return method.ablation_maps != nullptr && !takes_passes(method, layer);
}

/// What stands in for a layer that the method has not.
std::size_t layer_of(const Method& method, std::size_t layer) {
  return method.has_layer ? layer : kBlock5Conv3;
}

/// What is asked of the members.
Result<std::vector<GradientRequest>> requests_for(const Member& member, const Method& method,
                                                  std::span<const std::size_t> classes,
                                                  std::size_t layer, bool principal_component) {
  if (layer >= kMapLayers) {
    return fail(ErrorCode::kInvalidArgument,
                "a heatmap takes one of the layers 0 to " + std::to_string(kMapLayers - 1));
  }
  const Vgg16& model = member.model();
  GRADCAM_TRY(Tensor seeds, model.class_seeds(classes));
  std::vector<GradientRequest> requests;
  if (is_ablation(method, layer)) {
    requests.push_back({.seeds = std::move(seeds), .layer = layer});
    return requests;
  }
  const bool in_passes = takes_passes(method, layer);
  const Cam& cam = method.cam;
  if (in_passes || cam.map != nullptr) {
    GradientRequest request{.seeds = {}, .layer = layer};
    if (in_passes || cam.gradient == GradientUse::kNone) {
      GRADCAM_TRY(request.seeds, Tensor::zeros({0, model.logits()}));
    } else {
      GRADCAM_TRY(request.seeds, cam.scores(model, member.activations(), classes));
    }
    request.as_factor = cam.gradient == GradientUse::kFactor;
    if (cam.gradient == GradientUse::kMeans) {
      request.gather = principal_component ? Gather::kMeans : Gather::kWeightedSums;
    }
    requests.push_back(std::move(request));
  }
  if (method.is_guided) {
    requests.push_back({.seeds = std::move(seeds), .layer = kInput, .rule = ReluRule::kGuided});
  }
  return requests;
}

bool are_same(const GradientRequest& a, const GradientRequest& b) {
  return a.layer == b.layer && a.gather == b.gather && a.rule == b.rule &&
         a.as_factor == b.as_factor && a.seeds.shape() == b.seeds.shape() &&
         std::ranges::equal(a.seeds.values(), b.seeds.values());
}

}  // namespace

Outlook outlook(const Method& method, std::size_t layer) {
  return {.layer = method.is_guided ? 0 : layer, .ablation = is_ablation(method, layer)};
}

Result<void> begin_together(Member& member, const Method& method,
                            std::span<const std::size_t> classes, std::size_t layer,
                            const ExplainOptions& options) {
  layer = layer_of(method, layer);
  GRADCAM_TRY(std::vector<GradientRequest> requests,
              requests_for(member, method, classes, layer, options.principal_component));
  if (is_ablation(method, layer)) {
    return member.begin_ablation(std::move(requests.front()),
                                 audible_channels(member.activations().block5_pool));
  }
  return member.begin_gradients(std::move(requests));
}

Result<void> begin_evidence(Member& member, std::size_t class_index, std::size_t layer) {
  GradientRequest request{.seeds = {}, .layer = layer, .gather = Gather::kMeans};
  GRADCAM_TRY(request.seeds, member.model().class_seeds({{class_index}}));
  std::vector<GradientRequest> requests;
  requests.push_back(std::move(request));
  return member.begin_gradients(std::move(requests));
}

Result<MapPlan> plan_together(Member& first, const Tensor& input, const Method& method,
                              std::span<const std::size_t> classes, std::size_t layer,
                              const ExplainOptions& options) {
  if (first.gathered().empty() || first.progress() != Progress::kDone) {
    return fail(ErrorCode::kInvalidArgument, "no classes have been explained");
  }
  const Activations& activations = first.activations();
  layer = layer_of(method, layer);
  GRADCAM_TRY(const std::vector<GradientRequest> requests,
              requests_for(first, method, classes, layer, options.principal_component));
  const auto gathered_for = [](const Gathered& gathered, const GradientRequest& request) {
    return are_same(gathered.request, request);
  };
  std::vector<std::size_t> channels;
  if (is_ablation(method, layer)) channels = audible_channels(activations.block5_pool);
  if (!std::ranges::equal(first.gathered(), requests, gathered_for) ||
      channels != first.gathered().front().channels) {
    return fail(ErrorCode::kInvalidArgument, "something else has been begun than " +
                                                 std::string(method.name) +
                                                 " of these classes at this layer");
  }
  const auto kept = std::make_shared<Kept>();
  kept->gathered = first.take_gathered();
  kept->channels = std::move(channels);
  GRADCAM_TRY(kept->logits, activations.logits.clone());
  kept->channel_count = first.model().info().layers[std::min(layer, kBlock5Conv3)].weight[0];
  MapPlan plan;
  if (!takes_passes(method, layer)) {
    plan.outcome = [kept, method, wanted = std::vector(classes.begin(), classes.end()),
                    principal_component = options.principal_component](const Tensor&) {
      return maps_of(*kept, method, wanted, principal_component);
    };
    return plan;
  }
  GRADCAM_CHECK_OK(first.model().check_input(input));
  GRADCAM_TRY(const MapPlan of_kept,
              method.plan({.model = first.model(),
                           .input = input,
                           .logits = kept->logits.values(),
                           .view = {kept->gathered.front().activation, options.principal_component},
                           .layer = layer,
                           .channels = options.channels},
                          classes));
  // It looks at what is kept, and so has to keep it.
  plan.passes = of_kept.passes;
  plan.passes.start = [kept, start = of_kept.passes.start](std::size_t pass) {
    return start(pass);
  };
  plan.outcome = [kept, outcome = of_kept.outcome](const Tensor& logits) {
    return outcome(logits);
  };
  return plan;
}

Result<void> begin_pass(Member& member, std::optional<std::size_t> from, const Tensor* start) {
  return from ? member.begin_forward_from(*from, start) : member.begin_forward(start);
}

}  // namespace gradcam
