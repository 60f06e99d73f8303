#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "gradcam/train/feature_record.h"
#include "gradcam/train/views.h"
#include "support/compare.h"
#include "support/random.h"
#include "support/result.h"

namespace gradcam::testing {
namespace {

Result<Image> random_image(int width, int height) {
  GRADCAM_TRY(Image image, make_image(width, height));
  RandomFloats random(6);
  for (auto& value : image.rgb) value = static_cast<std::uint8_t>(random.bits());
  return image;
}

TEST(PreprocessView, MirrorsThePhoto) {
  ASSERT_OK_AND_ASSIGN(const Image image, random_image(50, 40));
  Image mirrored = image;
  for (std::size_t y = 0; y < 40; ++y) {
    for (std::size_t x = 0; x < 50; ++x) {
      for (std::size_t c = 0; c < 3; ++c) {
        mirrored.rgb[(y * 50 + x) * 3 + c] = image.rgb[(y * 50 + 49 - x) * 3 + c];
      }
    }
  }
  const Preprocess spec{.shorter_side = 36, .crop = 32, .size = 32};
  const Box crop = crop_box(spec, 50, 40);
  ASSERT_OK_AND_ASSIGN(const Tensor own, preprocess_view(image, spec, crop, 0));
  ASSERT_OK_AND_ASSIGN(const Tensor flipped, preprocess_view(image, spec, crop, 1));
  ASSERT_OK_AND_ASSIGN(const Tensor expected, preprocess(mirrored, spec));
  ASSERT_OK_AND_ASSIGN(const Tensor expected_own, preprocess(image, spec));
  EXPECT_TRUE(close(flipped.values(), expected.values(), 1e-5));
  EXPECT_TRUE(std::ranges::equal(own.values(), expected_own.values()));
}

TEST(PreprocessView, CornersAreWhatTheirBoxesShow) {
  ASSERT_OK_AND_ASSIGN(const Image image, random_image(50, 40));
  const Preprocess spec{.resize = ResizeRule::kSquash, .size = 16};
  const Box crop{1, 3, 48, 32};
  const Box boxes[] = {{1, 3, 42, 28}, {7, 7, 42, 28}, {7, 3, 42, 28}, {1, 7, 42, 28}};
  for (std::size_t corner = 0; corner < 4; ++corner) {
    SCOPED_TRACE(corner);
    ASSERT_OK_AND_ASSIGN(const Tensor view, preprocess_view(image, spec, crop, 2 + corner));
    ASSERT_OK_AND_ASSIGN(const Tensor box, preprocess(image, spec, boxes[corner]));
    const bool mirrored = corner % 2 == 1;
    for (std::size_t x = 0; x < 16; ++x) {
      for (std::size_t c = 0; c < 3; ++c) {
        EXPECT_FLOAT_EQ(view.data()[x * 3 + c], box.data()[(mirrored ? 15 - x : x) * 3 + c]);
      }
    }
  }
  EXPECT_NE(
      error_message(preprocess_view(image, spec, crop, kMaxViews), ErrorCode::kInvalidArgument),
      "");
}

TEST(FeatureRecord, ComesBackAsItWas) {
  RandomFloats random(8);
  const std::vector<float> features = random.uniform(100);
  const auto record = serialize_features(42, features);
  std::vector<float> back(100);
  ASSERT_OK(parse_features(record, 42, back));
  EXPECT_EQ(back, features);
}

TEST(FeatureRecord, DamageIsNoticed) {
  const std::vector<float> features(10, 1.5f);
  const auto record = serialize_features(42, features);
  std::vector<float> back(10);
  EXPECT_NE(error_message(parse_features(record, 43, back), ErrorCode::kCorruptModel), "");
  for (std::size_t i = 0; i < record.size(); ++i) {
    auto damaged = record;
    damaged[i] ^= 0x10;
    EXPECT_FALSE(parse_features(damaged, 42, back).has_value()) << i;
  }
  for (std::size_t size = 0; size < record.size(); ++size) {
    EXPECT_FALSE(parse_features(std::span(record).first(size), 42, back).has_value()) << size;
  }
  std::vector<float> wider(11);
  EXPECT_NE(error_message(parse_features(record, 42, wider), ErrorCode::kCorruptModel), "");
}

}  // namespace
}  // namespace gradcam::testing
