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
