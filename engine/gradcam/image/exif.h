#pragma once

#include "gradcam/image/bytes.h"

namespace gradcam::internal {

/// The orientation (tag 0x0112 of IFD0) in an EXIF block, which is a TIFF file: 1..8 as EXIF 2.3
/// numbers them, 1 (upright) where the tag is missing, out of range or the block is damaged,
/// since a broken note about a photo must not make the photo unreadable.
int exif_orientation(Bytes tiff);

}  // namespace gradcam::internal
