#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "gradcam/image/crc32.h"
#include "gradcam/image/decode.h"

namespace {

void decode(std::span<const std::uint8_t> bytes) {
  // Small limits keep a run fast; they do not shorten the way through the decoder.
  const gradcam::DecodeLimits limits{.max_side = 2000, .max_pixels = 200'000};
  for (const auto decode_as : {gradcam::decode_image, gradcam::decode_mask}) {
    const auto image = decode_as(bytes, limits);
    if (image ? !gradcam::check_image(*image).has_value() : image.error().message.empty()) {
      std::abort();
    }
  }
}

/// Makes the check sums of a PNG's chunks those of what is in them.
void mend_check_sums(std::span<std::uint8_t> png) {
  constexpr std::size_t kFrame = 12;  // length, type and check sum
  for (std::size_t begin = 8; begin + kFrame <= png.size();) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | png[begin + i];
    if (length > png.size() - begin - kFrame) return;
    const std::uint32_t sum = gradcam::crc32(png.subspan(begin + 4, 4 + length));
    for (std::size_t i = 0; i < 4; ++i) {
      png[begin + 8 + length + i] = static_cast<std::uint8_t>(sum >> (24 - 8 * i));
    }
    begin += kFrame + length;
  }
}

}  // namespace

// libFuzzer: whatever the bytes, `decode_image` gives a consistent picture or a sentence.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  decode({data, size});
  if (gradcam::sniff_format({data, size}) == "png") {
    std::vector<std::uint8_t> mended(data, data + size);
    mend_check_sums(mended);
    decode(mended);
  }
  return 0;
}
