#include "gradcam/vgg16/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "support/result.h"
#include "support/tiny_vgg16.h"

namespace gradcam::testing {
namespace {

using ::testing::HasSubstr;

TEST(FindMapLayer, TakesOtherSpellings) {
  for (const std::string_view name : {"Block5_Conv3", "block5-conv3", "BLOCK5 CONV3"}) {
    ASSERT_OK_AND_ASSIGN(const std::size_t layer, find_map_layer(name));
    EXPECT_EQ(layer, kBlock5Conv3) << name;
  }
}

/// By the modules that torchvision 0.20 prints of both.
TEST(FindMapLayer, TellsWhichOneTorchvisionMeans) {
  for (const auto& [name, said] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"features.0", "to block1_conv1 in torchvision's vgg16, to block1_conv1 in t"},
           {"features.2", "to block1_conv2 in torchvision's vgg16, to block1_conv1 in t"},
           {"features.4", "\"; it belongs to block1_conv2 in torchvision's vgg16_bn; there are"},
           {"features.6", "\"; it belongs to block2_conv1 in torchvision's vgg16; there are"},
           {"features.28", "to block5_conv3 in torchvision's vgg16, to block4_conv2 in t"},
           {"features.29", "to block5_conv3 in torchvision's vgg16, to block4_conv2 in t"},
           {"features.30", "to block5_pool in torchvision's vgg16, to block4_conv3 in t"},
           {"features.42", "\"; it belongs to block5_conv3 in torchvision's vgg16_bn; there are"},
           {"features.43", "\"; it belongs to block5_pool in torchvision's vgg16_bn; there are"},
           {"features.44", "\"features.44\"; there are block1_conv1, "},
           {"features.-1", "\"features.-1\"; there are"},
           {"features.2x", "\"features.2x\"; there are"},
           {"features.", "\"features.\"; there are"}}) {
    EXPECT_THAT(error_message(find_map_layer(name), ErrorCode::kInvalidArgument), HasSubstr(said));
  }
}

TEST(ReceptiveField, IsWhatIsKnownOfVgg16) {
  const auto expect = [](std::string_view name, std::size_t size, std::size_t stride) {
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(const std::size_t layer, find_map_layer(name));
    const ReceptiveField field = receptive_field(layer);
    EXPECT_EQ(field.size, size);
    EXPECT_EQ(field.stride, stride);
  };
  expect("block1_conv1", 3, 1);
  expect("block1_conv2", 5, 1);
  expect("block2_conv2", 14, 2);
  expect("block3_conv3", 40, 4);
  expect("block4_conv3", 92, 8);
  expect("block5_conv3", 196, 16);
  expect("block5_pool", 212, kTotalStride);
}

TEST(ReceptiveField, IsWhatACellDependsOn) {
  ASSERT_OK_AND_ASSIGN(const TinyRun run,
                       TinyRun::forward({"tiny96.keras", "tiny96"}, ConvAlgorithm::kReference));
  ASSERT_OK_AND_ASSIGN(Activations before, run.model.make_activations());
  ASSERT_OK_AND_ASSIGN(Activations after, run.model.make_activations());
  ASSERT_OK_AND_ASSIGN(const Tensor input, run.oracle.tensor("input"));
  ASSERT_OK(run.model.forward(input, before));
  ASSERT_OK(run.model.complete(before, 0));
  // Deeper, there is always some ReLU that hides the outermost pixels.
  ASSERT_OK_AND_ASSIGN(const std::size_t layers, find_map_layer("block4_conv1"));
  const std::size_t side = input.dim(0);
  const auto cell_of = [&](const Activations& activations, std::size_t layer) {
    const Tensor& map = activations.map(layer);
    const std::size_t middle = map.dim(0) / 2;
    return map.values().subspan((middle * map.dim(1) + middle) * map.dim(2), map.dim(2));
  };
  std::vector<std::vector<std::size_t>> seen(layers);  // the columns of pixels
  for (std::size_t column = 0; column < side; ++column) {
    std::vector<bool> is_seen(layers);
    // Large steps both ways, for the same reason.
    for (const float step : {-1e3f, 1e3f}) {
      ASSERT_OK_AND_ASSIGN(Tensor other, input.clone());
      for (std::size_t i = 0; i < other.size(); ++i) {
        if (i / 3 % side == column) other.data()[i] += step;
      }
      ASSERT_OK(run.model.forward(other, after));
      ASSERT_OK(run.model.complete(after, 0));
      for (std::size_t layer = 0; layer < layers; ++layer) {
        const bool is_same = std::ranges::equal(cell_of(after, layer), cell_of(before, layer));
        is_seen[layer] = is_seen[layer] || !is_same;
      }
    }
    for (std::size_t layer = 0; layer < layers; ++layer) {
      if (is_seen[layer]) seen[layer].push_back(column);
    }
  }
  for (std::size_t layer = 0; layer < layers; ++layer) {
    SCOPED_TRACE(map_layer_name(layer));
    const auto [size, stride] = receptive_field(layer);
    const std::size_t cell = before.map(layer).dim(0) / 2;
    ASSERT_EQ(seen[layer].size(), size);
    EXPECT_EQ(seen[layer].back() - seen[layer].front(), size - 1);
    // (cell + 1/2) * stride is in the middle, counted in halves of a pixel.
    EXPECT_EQ(seen[layer].front() + seen[layer].back() + 1, (2 * cell + 1) * stride);
  }
}

}  // namespace
}  // namespace gradcam::testing
