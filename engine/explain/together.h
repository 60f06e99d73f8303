#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "explain/heatmap.h"
#include "explain/methods.h"
#include "vgg16/member.h"

/// Heatmaps by several members that divide a model, or by the only one: all begin, run until they
/// are done, and member 0 has the maps.
namespace gradcam {

/// Whether several members can make maps by a method at a layer. Others need all the weights in one
/// place.
bool runs_together(const Method& method, std::size_t layer);

/// What a forward pass should keep for maps by a method at a layer or behind it.
Outlook outlook(const Method& method, std::size_t layer);

/// Begins, at each of the members, after a forward pass. kInvalidArgument for a class that does not
/// exist and for what does not run together.
Result<void> begin_together(Member& member, const Method& method,
                            std::span<const std::size_t> classes, std::size_t layer);

/// When all are done: a map for each of the classes that they began with, asked of member 0.
Result<std::vector<Heatmap>> maps_together(const Member& first, const Method& method,
                                           std::span<const std::size_t> classes,
                                           bool principal_component = false);

}  // namespace gradcam
