#include "gradcam/weights/imagenet_labels.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/weights/metadata.h"
#include "support/result.h"

namespace gradcam {
namespace {

TEST(ImageNetLabels, AreThoseOfTheOfficialFiles) {
  const std::vector<std::string> labels = imagenet_labels();
  ASSERT_EQ(labels.size(), kImageNetClasses);
  EXPECT_EQ(std::set<std::string>(labels.begin(), labels.end()).size(), kImageNetClasses);
  ASSERT_OK(check_labels(labels));
  for (const auto& [index, label] : std::vector<std::pair<std::size_t, std::string>>{
           {0, "tench"},
           {155, "Shih-Tzu"},
           {162, "beagle"},
           {207, "golden_retriever"},
           {235, "German_shepherd"},
           {254, "pug"},
           {258, "Samoyed"},
           {999, "toilet_tissue"},
       }) {
    EXPECT_EQ(labels[index], label);
  }
}

}  // namespace
}  // namespace gradcam
