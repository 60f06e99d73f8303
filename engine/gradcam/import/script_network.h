#pragma once

#include <vector>

#include "gradcam/import/foreign.h"
#include "gradcam/import/script_steps.h"

namespace gradcam::internal {

/// Whether the steps of a forward pass are those of the network that was put together of the
/// tensors; what only the steps tell of it is put into it. Private to this room.
Result<void> follow_script(const std::vector<ScriptStep>& steps, ForeignVgg16& network);

}  // namespace gradcam::internal
