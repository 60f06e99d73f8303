#include "gradcam/train/feature_record.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <span>

#include "gradcam/weights/fingerprint.h"

namespace gradcam {
namespace {

static_assert(std::endian::native == std::endian::little, "features are stored as they are");

constexpr std::uint64_t kMagic = 0x3154414546434721;  // "!GCFEAT1"

struct Header {
  std::uint64_t magic;
  std::uint64_t key;
  std::uint64_t count;
  std::uint64_t checksum;
};

/// Four bytes at a time: this runs over all features in every training run.
std::uint64_t checksum(std::span<const std::uint8_t> bytes) {
  Fingerprint sum;
  for (std::size_t i = 0; i + sizeof(float) <= bytes.size(); i += sizeof(float)) {
    std::uint32_t word;
    std::memcpy(&word, bytes.data() + i, sizeof word);
    sum.mix(word);
  }
  return sum.value();
}

}  // namespace

std::vector<std::uint8_t> serialize_features(std::uint64_t key, std::span<const float> features) {
  std::vector<std::uint8_t> record(sizeof(Header) + features.size_bytes());
  const std::span<std::uint8_t> values = std::span(record).subspan(sizeof(Header));
  std::ranges::transform(std::as_bytes(features), values.begin(),
                         [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
  const Header header{kMagic, key, features.size(), checksum(values)};
  std::memcpy(record.data(), &header, sizeof header);
  return record;
}

Result<void> parse_features(std::span<const std::uint8_t> record, std::uint64_t key,
                            std::span<float> features) {
  Header header{};
  if (record.size() == sizeof header + features.size_bytes()) {
    std::memcpy(&header, record.data(), sizeof header);
    const auto values = record.subspan(sizeof header);
    if (header.magic == kMagic && header.key == key && header.count == features.size() &&
        header.checksum == checksum(values)) {
      std::memcpy(features.data(), values.data(), values.size());
      return {};
    }
  }
  return fail(ErrorCode::kCorruptModel, "the cached features are damaged or of something else");
}

}  // namespace gradcam
