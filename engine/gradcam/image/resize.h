#pragma once

#include "gradcam/image/image.h"
#include "gradcam/tensor/error.h"
#include "gradcam/tensor/tensor.h"

namespace gradcam {

/// A rectangle in pixels, in continuous coordinates: pixel i covers [i, i + 1).
struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

/// kInvalidArgument for a box that is empty or reaches outside of the image.
Result<void> check_box(const Box& box, const Image& image);

/// Resamples the part of `image` under `box` to a tensor [out_height, out_width, 3] of values
/// 0..255 in RGB order.
///
/// The filter is a triangle whose support grows with the reduction, so that shrinking does not
/// alias: the arithmetic of Pillow's `Image.resize(size, BILINEAR, box=box)`, without its rounding
/// to 8 bits between and after the two passes. The result has the same bits on every platform.
///
/// `kInvalidArgument` for an inconsistent image or an empty result, and as `check_box`;
/// `kOutOfMemory`.
Result<Tensor> resize_bilinear(const Image& image, const Box& box, int out_width, int out_height);

/// The whole image resampled by `resize_bilinear` and rounded to 8 bits, for previews.
Result<Image> resize_image(const Image& image, int out_width, int out_height);

}  // namespace gradcam
