#include "gradcam/image/zlib.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "support/random.h"

// An independent decoder.
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#include <stb_image.h>

namespace gradcam::testing {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// Compresses, checks that all of it comes back, and returns how many bytes it took.
std::size_t compressed_size(const Bytes& bytes) {
  Bytes out;
  out.reserve(zlib_bound(bytes.size()));
  const auto* const place = out.data();
  ZlibWriter writer(out);
  // In pieces that do not fit the blocks.
  for (std::span<const std::uint8_t> left = bytes; !left.empty();) {
    const auto piece = left.first(std::min<std::size_t>(left.size(), 40'001));
    writer.write(piece);
    left = left.subspan(piece.size());
  }
  writer.finish();
  EXPECT_EQ(out.data(), place) << "it has grown";
  const std::size_t size = out.size();
  int length = 0;
  const std::unique_ptr<char, decltype(&std::free)> again(
      stbi_zlib_decode_malloc(reinterpret_cast<const char*>(out.data()), static_cast<int>(size),
                              &length),
      std::free);
  EXPECT_NE(again, nullptr);
  const auto* const begin = reinterpret_cast<const std::uint8_t*>(again.get());
  EXPECT_TRUE(again &&
              std::ranges::equal(std::span(begin, static_cast<std::size_t>(length)), bytes));
  return size;
}

Bytes random_bytes(std::size_t size, RandomFloats& random) {
  Bytes bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.bits());
  return bytes;
}

TEST(ZlibCompress, GivesAllBytesBackAtAnySize) {
  RandomFloats random(1);
  const Bytes all = random_bytes(200'000, random);
  for (const std::size_t size : {0, 1, 2, 3, 4, 255, 256, 65534, 65535, 65536, 131070, 200'000}) {
    SCOPED_TRACE(size);
    // What cannot be compressed grows by little.
    EXPECT_LE(compressed_size({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size)}),
              size + size / 1000 + 32);
  }
}

TEST(ZlibCompress, MakesRunsShort) {
  for (const std::size_t length : {1,   2,   3,   4,   10,  11,  12,  18,  19,  114, 115, 130,
                                   131, 226, 227, 256, 257, 258, 259, 260, 261, 516, 517, 1000}) {
    SCOPED_TRACE(length);
    Bytes bytes;
    for (int i = 0; i < 40; ++i) bytes.insert(bytes.end(), length, static_cast<std::uint8_t>(i));
    compressed_size(bytes);
  }
  EXPECT_LT(compressed_size(Bytes(1'000'000, 7)), 2500u);
  EXPECT_LT(compressed_size(Bytes(65'536, 0)), 300u);  // a block of a single byte at the end
}

TEST(ZlibCompress, GivesWhatIsFrequentShortCodes) {
  RandomFloats random(2);
  Bytes bytes = random_bytes(100'000, random);
  // 16 values of 256: no two neighbours alike.
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = bytes[i] % 8 * 2 + i % 2;
  EXPECT_LT(compressed_size(bytes), 52'000u);
}

// Each value as frequent as the two before together: an optimal code has codes of up to 21 bits.
TEST(ZlibCompress, KeepsCodesShortEnough) {
  Bytes sorted;
  std::size_t count = 1;
  std::size_t before = 1;
  for (std::uint8_t value = 0; sorted.size() + count < 65'000; value += 3) {
    sorted.insert(sorted.end(), count, value);
    count += std::exchange(before, count);
  }
  // Without runs: no value is more frequent than two fifths.
  const std::size_t half = sorted.size() / 2;
  Bytes bytes;
  for (std::size_t i = 0; i < half; ++i) {
    bytes.push_back(sorted[i]);
    bytes.push_back(sorted[i + half]);
  }
  EXPECT_LT(compressed_size(bytes), bytes.size() / 3);
}

}  // namespace
}  // namespace gradcam::testing
