#pragma once

#include <cstddef>

#include "gradcam/image/preprocess.h"

namespace gradcam {

/// The most views of a photo.
inline constexpr std::size_t kMaxViews = 6;

/// What the network is shown of a photo in place of a random augmentation, so that the frozen part
/// runs once: view 0 is the crop as `preprocess` gives it, view 1 its mirror image, views 2 to 5
/// are its corners (7/8 of the sides), of which two are mirrored.
/// kInvalidArgument for other views, and as `preprocess`.
Result<Tensor> preprocess_view(const Image& image, const Preprocess& spec, const Box& crop,
                               std::size_t view);

}  // namespace gradcam
