#include "image/png.h"

// The only place that includes stb_image_write; static for the reason given in decode.cpp.
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#define STBIW_ASSERT(condition) ((void)0)
#include <stb_image_write.h>

namespace gradcam {

Result<std::vector<std::uint8_t>> encode_png(const Image& image) {
  GRADCAM_CHECK_OK(check_image(image));
  // The encoder counts bytes in int, and doubles its buffer.
  constexpr std::size_t kMaxValues = 500'000'000;
  if (image.rgb.size() > kMaxValues) {
    return fail(ErrorCode::kImageTooLarge, "the picture is too large to be written as PNG");
  }
  const auto out_of_memory = [] {
    return fail(ErrorCode::kOutOfMemory, "not enough memory to write the picture as PNG");
  };
  // The encoder does not survive a failure to grow its buffers: at most the filtered rows, the
  // output, its copy while it grows, and the result.
  constexpr std::uint64_t kOverhead = 8 << 20;
  if (!can_allocate(std::uint64_t{4} * image.rgb.size() + kOverhead)) return out_of_memory();

  std::vector<std::uint8_t> png;
  const auto append = [](void* context, void* data, int size) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    static_cast<std::vector<std::uint8_t>*>(context)->assign(bytes, bytes + size);
  };
  if (stbi_write_png_to_func(append, &png, image.width, image.height, 3, image.rgb.data(),
                             image.width * 3) == 0) {
    return out_of_memory();
  }
  return png;
}

}  // namespace gradcam
