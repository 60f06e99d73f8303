#include "gradcam/train/views.h"

#include <algorithm>
#include <string>

namespace gradcam {
namespace {

void mirror(Tensor& input) {
  const std::size_t width = input.dim(1);
  const std::size_t channels = input.dim(2);
  for (std::size_t y = 0; y < input.dim(0); ++y) {
    float* row = input.data() + y * width * channels;
    for (std::size_t x = 0; x < width / 2; ++x) {
      std::swap_ranges(row + x * channels, row + (x + 1) * channels,
                       row + (width - 1 - x) * channels);
    }
  }
}

}  // namespace

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
  if (mirrored) mirror(input);
  return input;
}

}  // namespace gradcam
