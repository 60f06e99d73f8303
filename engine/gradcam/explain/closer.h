#pragma once

#include "gradcam/explain/heatmap.h"
#include "gradcam/image/image.h"
#include "gradcam/image/resize.h"

namespace gradcam {

/// The part of a photo to look at more closely: the square around what is warm in a heatmap of
/// `crop`, which lies in the photo, in whole pixels. Where a dog is small, a network that is shown
/// this recognises it much more often. What is warm is what warm_box says.
///
/// The square is as long as that is, centred on it, and moved or shortened to stay in the photo. Of
/// a map without heat it is around all of the crop; of an empty photo there is none, 0 x 0.
Box closer_box(const Heatmap& map, const Box& crop, const Image& photo);

}  // namespace gradcam
