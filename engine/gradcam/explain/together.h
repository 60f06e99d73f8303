#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "gradcam/explain/explain.h"
#include "gradcam/explain/passes.h"
#include "gradcam/vgg16/member.h"

/// Heatmaps by several members that divide a model, or by the only one. After a forward pass all
/// begin, and run until they are done; then member 0 has a plan of what is left to do, most often
/// nothing, and of what the maps are made of.
namespace gradcam {

/// What a forward pass should keep for maps by a method at a layer or behind it.
Outlook outlook(const Method& method, std::size_t layer);

/// Begins, at each of the members, after a forward pass. kInvalidArgument for a class that does not
/// exist, or such a layer. Of the options, only the principal component matters here.
Result<void> begin_together(Member& member, const Method& method,
                            std::span<const std::size_t> classes, std::size_t layer,
                            const ExplainOptions& options = {});

/// Begins to bring together what a class's Grad-CAM at a map layer is made of: activation and
/// means.
Result<void> begin_evidence(Member& member, std::size_t class_index, std::size_t layer);

/// When all are done: the rest, asked of member 0, which hands over what it has gathered. The
/// passes are forward passes of all members (see begin_pass); they overwrite the activations. The
/// model and the input, which is that of the forward pass, must outlive the plan. Of the options,
/// the layers are not looked at. kInvalidArgument unless it is for this that they began.
Result<MapPlan> plan_together(Member& first, const Tensor& input, const Method& method,
                              std::span<const std::size_t> classes, std::size_t layer,
                              const ExplainOptions& options = {});

/// Begins a pass at each of the members: at member 0 from its start, at the others from null.
Result<void> begin_pass(Member& member, std::optional<std::size_t> from, const Tensor* start);

}  // namespace gradcam
