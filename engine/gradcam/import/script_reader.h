#pragma once

#include <vector>

#include "gradcam/import/pickle.h"
#include "gradcam/import/script_modules.h"
#include "gradcam/import/script_steps.h"

namespace gradcam::internal {

/// The steps of the forward pass of the model that a pickle holds, in their order, as the code in
/// its archive of TorchScript has them; only there are the settings of its modules. Private to this
/// room. kUnsupportedFormat where they do not follow one another from the photo to the logits, or
/// where one is none of a VGG16's.
Result<std::vector<ScriptStep>> read_script(const Pickle& pickle, const ReadScript& read);

}  // namespace gradcam::internal
