#include <cstdint>
#include <cstdlib>
#include <span>

#include "gradcam/image/decode.h"

// libFuzzer: whatever the bytes, `decode_image` gives a consistent picture or a sentence.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Small limits keep a run fast; they do not shorten the way through the decoder.
  const gradcam::DecodeLimits limits{.max_side = 2000, .max_pixels = 200'000};
  const auto image = gradcam::decode_image({data, size}, limits);
  if (image ? !gradcam::check_image(*image).has_value() : image.error().message.empty()) {
    std::abort();
  }
  return 0;
}
