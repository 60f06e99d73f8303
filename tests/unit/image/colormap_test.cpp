#include "gradcam/image/colormap.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "image_fixtures.h"

namespace gradcam::testing {
namespace {

TEST(Colormap, HasMatplotlibsColours) {
  const auto expected = manifest()["colormaps"];
  ASSERT_EQ(expected.size(), colormap_names().size());
  for (const auto& [name, entries] : expected.items()) {
    SCOPED_TRACE(name);
    const auto map = find_colormap(name);
    ASSERT_TRUE(map.has_value());
    for (const auto& entry : entries) {
      const Rgb colour = (*map)[entry["index"].get<std::size_t>()];
      EXPECT_NEAR(colour.r, 255 * entry["rgb"][0].get<double>(), 0.501);
      EXPECT_NEAR(colour.g, 255 * entry["rgb"][1].get<double>(), 0.501);
      EXPECT_NEAR(colour.b, 255 * entry["rgb"][2].get<double>(), 0.501);
    }
  }
}

TEST(Colormap, StartsTheListWithTheDefault) {
  EXPECT_EQ(colormap_names().front(), kDefaultColormap);
  EXPECT_TRUE(find_colormap(kDefaultColormap).has_value());
}

TEST(Colormap, ListsTheNamesWhenAskedForAnother) {
  const auto map = find_colormap("parula");
  ASSERT_FALSE(map.has_value());
  EXPECT_EQ(map.error().code, ErrorCode::kInvalidArgument);
  for (const std::string_view name : colormap_names()) {
    EXPECT_NE(map.error().message.find(name), std::string::npos);
  }
}

}  // namespace
}  // namespace gradcam::testing
