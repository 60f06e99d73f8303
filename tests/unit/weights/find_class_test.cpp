#include "gradcam/weights/find_class.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradcam/weights/imagenet_labels.h"
#include "support/result.h"

namespace gradcam {
namespace {

using ::gradcam::testing::error_message;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(FindClass, TakesOtherSpellingsOfOneLabel) {
  const std::vector<std::string> labels = {"golden_retriever", "Shih-Tzu", "pug", "PUG", "Löwchen"};
  for (const auto& [name, index] :
       std::vector<std::pair<std::string_view, std::size_t>>{{"golden_retriever", 0},
                                                             {"Golden retriever", 0},
                                                             {" GOLDEN-RETRIEVER ", 0},
                                                             {"shih tzu", 1},
                                                             {"pug", 2},
                                                             {"PUG", 3},
                                                             {"löwchen", 4}}) {
    ASSERT_OK_AND_ASSIGN(const std::size_t found, find_class(labels, name));
    EXPECT_EQ(found, index) << name;
  }
  EXPECT_THAT(error_message(find_class(labels, "Pug"), ErrorCode::kInvalidArgument),
              HasSubstr("any of pug, PUG"));
  for (const std::string_view name : {"", " ", "-", "retriever", "goldenretriever"}) {
    EXPECT_THAT(error_message(find_class(labels, name), ErrorCode::kInvalidArgument),
                HasSubstr("it has 5, counted from 0: golden_retriever, Shih-Tzu, pug, PUG"))
        << name;
  }
  EXPECT_NE(error_message(find_class({}, "pug"), ErrorCode::kInvalidArgument), "");
}

TEST(FindClass, SuggestsTheMostSimilarOfMany) {
  const std::vector<std::string> labels = imagenet_labels();
  for (const auto& [name, meant] :
       std::vector<std::pair<std::string, std::string>>{{"golden retreiver", "golden_retriever"},
                                                        {"beegle", "beagle"},
                                                        {"Husky", "Siberian_husky"},
                                                        {"german shephard dog", "German_shepherd"},
                                                        {"pembroke_welsh_corgi", "Pembroke"}}) {
    const std::string said = error_message(find_class(labels, name), ErrorCode::kInvalidArgument);
    EXPECT_THAT(said, HasSubstr("\"" + name + "\""));
    EXPECT_THAT(said, HasSubstr(meant));
    EXPECT_LT(said.size(), 250u);
  }
  const std::string hostile = std::string(1 << 20, 'x') + "\x1b[31m";
  const std::string said = error_message(find_class(labels, hostile), ErrorCode::kInvalidArgument);
  EXPECT_LT(said.size(), 300u);
  EXPECT_THAT(said, Not(HasSubstr("\x1b")));
}

/// A file may have labels of a megabyte, and thousands that are one but for their spelling.
TEST(FindClass, LongAndManyLabelsDoNotFillTheMessage) {
  std::vector<std::string> labels = {std::string(1 << 20, 'x'), "pug"};
  EXPECT_THAT(error_message(find_class(labels, "beagle"), ErrorCode::kInvalidArgument),
              HasSubstr(": " + std::string(60, 'x') + "..., pug"));
  labels.clear();
  const std::string name = "a_name_of_many_that_are_spelt_in_other_ways";
  for (int i = 0; i < 1 << 9; ++i) {
    std::string& label = labels.emplace_back(name);
    for (std::size_t at = 0, bits = static_cast<std::size_t>(i); at < label.size(); ++at) {
      if (label[at] != '_') continue;
      label[at] = bits % 2 == 0 ? '-' : ' ';
      bits /= 2;
    }
  }
  const std::string said = error_message(find_class(labels, name), ErrorCode::kInvalidArgument);
  EXPECT_LT(said.size(), 1000u);
  EXPECT_THAT(said, HasSubstr(" and 492 more"));
}

TEST(FindClass, FindsEveryClassOfImageNetBySpaces) {
  const std::vector<std::string> labels = imagenet_labels();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::string name = labels[i];
    std::ranges::replace(name, '_', ' ');
    ASSERT_OK_AND_ASSIGN(const std::size_t found, find_class(labels, name));
    EXPECT_EQ(found, i) << name;
  }
  // A dog and a garment.
  EXPECT_THAT(error_message(find_class(labels, "CARDIGAN"), ErrorCode::kInvalidArgument),
              HasSubstr("any of Cardigan, cardigan"));
}

}  // namespace
}  // namespace gradcam
