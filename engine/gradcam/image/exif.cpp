#include "gradcam/image/exif.h"

namespace gradcam::internal {

int exif_orientation(Bytes tiff) {
  constexpr std::size_t kEntryBytes = 12;
  constexpr std::uint32_t kOrientationTag = 0x0112;
  constexpr std::uint32_t kShort = 3;

  std::endian order;
  if (has_text(tiff, 0, "II")) {
    order = std::endian::little;
  } else if (has_text(tiff, 0, "MM")) {
    order = std::endian::big;
  } else {
    return 1;
  }
  if (read_uint(tiff, 2, 2, order) != 42) return 1;
  const auto directory = read_uint(tiff, 4, 4, order);
  if (!directory) return 1;
  const auto entries = read_uint(tiff, *directory, 2, order);
  if (!entries) return 1;
  // Entries start two bytes later; the first one that reaches past the end stops the walk.
  std::size_t entry = std::size_t{*directory} + 2;
  for (std::uint32_t i = 0; i < *entries; ++i, entry += kEntryBytes) {
    const auto tag = read_uint(tiff, entry, 2, order);
    if (!tag) return 1;
    if (*tag != kOrientationTag) continue;
    const auto type = read_uint(tiff, entry + 2, 2, order);
    const auto count = read_uint(tiff, entry + 4, 4, order);
    const auto value = read_uint(tiff, entry + 8, 2, order);
    if (type != kShort || count != 1u || !value || *value < 1 || *value > 8) return 1;
    return static_cast<int>(*value);
  }
  return 1;
}

}  // namespace gradcam::internal
