#include "gradcam/image/image.h"

#include <string>

#include "gradcam/tensor/tensor.h"

namespace gradcam {

Result<Image> make_image(int width, int height) {
  if (width <= 0 || height <= 0) {
    return fail(ErrorCode::kInvalidArgument, "an image cannot be " + std::to_string(width) + " x " +
                                                 std::to_string(height) + " pixels");
  }
  const std::uint64_t bytes =
      std::uint64_t{3} * static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height);
  if (!can_allocate(bytes)) {
    return fail(ErrorCode::kOutOfMemory, "not enough memory for a picture of " +
                                             std::to_string(width) + " x " +
                                             std::to_string(height) + " pixels");
  }
  Image image{.width = width, .height = height, .rgb = {}};
  image.rgb.resize(static_cast<std::size_t>(bytes));
  return image;
}

Result<void> check_image(const Image& image) {
  const bool sizes = image.width > 0 && image.height > 0;
  if (!sizes || image.rgb.size() != std::uint64_t{3} * static_cast<std::uint64_t>(image.width) *
                                        static_cast<std::uint64_t>(image.height)) {
    return fail(ErrorCode::kInvalidArgument, "an image of " + std::to_string(image.width) + " x " +
                                                 std::to_string(image.height) +
                                                 " pixels cannot have " +
                                                 std::to_string(image.rgb.size()) + " values");
  }
  return {};
}

}  // namespace gradcam
