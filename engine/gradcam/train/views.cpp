#include "gradcam/train/views.h"

#include <string>

namespace gradcam {

Result<Tensor> preprocess_view(const Image& image, const Preprocess& spec, const Box& crop,
                               std::size_t view) {
  if (view >= kMaxViews) {
    return fail(ErrorCode::kInvalidArgument, "a photo has no view " + std::to_string(view));
  }
  Box box = crop;
  bool mirrored = view == 1;
  if (view >= 2) {
    const std::size_t corner = view - 2;  // top left, bottom right, top right, bottom left
    const bool right = corner == 1 || corner == 2;
    const bool bottom = corner == 1 || corner == 3;
    constexpr double kPart = 0.875;
    if (right) box.x += box.width * (1 - kPart);
    if (bottom) box.y += box.height * (1 - kPart);
    box.width *= kPart;
    box.height *= kPart;
    mirrored = corner == 1 || corner == 3;
  }
  GRADCAM_TRY(Tensor input, preprocess(image, spec, box));
  if (mirrored) mirror(input.values(), input.dim(1), input.dim(2));
  return input;
}

}  // namespace gradcam
