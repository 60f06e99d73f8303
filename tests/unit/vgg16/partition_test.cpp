#include "gradcam/vgg16/partition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "support/result.h"

namespace gradcam::testing {
namespace {

TEST(Partition, CutsOutputsIntoPartsThatFollowOneAnother) {
  for (const std::size_t outputs : {1, 3, 7, 8, 15, 19, 64, 100, 512, 4096}) {
    for (std::size_t members = 1; members <= kMaxMembers; ++members) {
      SCOPED_TRACE(std::to_string(outputs) + " among " + std::to_string(members));
      std::size_t end = 0;
      std::size_t largest = 0;
      for (std::size_t member = 0; member < members; ++member) {
        const Range part = own_outputs(outputs, {member, members});
        EXPECT_EQ(part.begin, end);
        EXPECT_LE(part.begin, part.end);
        largest = std::max(largest, part.size());
        end = part.end;
      }
      EXPECT_EQ(end, outputs);
      EXPECT_LT(largest, (outputs + members - 1) / members + 16);
    }
  }
}

TEST(Partition, CutsStripsWhereNoPoolingWindowIsCut) {
  for (const std::size_t side : {32, 33, 47, 64, 71, 96, 224, 255}) {
    for (std::size_t members = 1; members <= kMaxMembers; ++members) {
      SCOPED_TRACE(std::to_string(side) + " rows among " + std::to_string(members));
      for (std::size_t pools = 0; pools <= 3; ++pools) {
        std::size_t end = 0;
        for (std::size_t member = 0; member < members; ++member) {
          const Range rows = own_rows(side, {member, members}, pools);
          EXPECT_EQ(rows.begin, end);
          if (rows.begin > 0 && !rows.empty()) {
            EXPECT_EQ(rows.begin % (kStripRows >> pools), 0u);
          }
          // After every pooling, a strip still has rows for its neighbours.
          EXPECT_EQ(rows.empty(), own_rows(side, {member, members}).empty());
          end = rows.end;
        }
        EXPECT_EQ(end, side >> pools);
      }
    }
  }
}

TEST(Partition, GivesEqualParts) {
  for (const std::size_t members : {2, 4}) {
    for (std::size_t member = 0; member < members; ++member) {
      EXPECT_EQ(own_rows(224, {member, members}).size(), 224 / members);
      EXPECT_EQ(own_outputs(512, {member, members}).size(), 512 / members);
    }
  }
  EXPECT_EQ(own_rows(224, {0, 3}).size(), 80u);
  EXPECT_EQ(own_rows(224, {1, 3}).size(), 72u);
  EXPECT_EQ(own_rows(224, {2, 3}).size(), 72u);
}

TEST(Partition, LeavesTheFirstNothingOnlyIfThereIsNothing) {
  for (std::size_t members = 1; members <= kMaxMembers; ++members) {
    EXPECT_FALSE(own_rows(32, {0, members}).empty());
    EXPECT_FALSE(own_outputs(1, {0, members}).empty());
  }
}

TEST(Partition, RefusesMembersThatDoNotExist) {
  EXPECT_TRUE(check_share({0, 1}).has_value());
  EXPECT_TRUE(check_share({7, 8}).has_value());
  for (const Share& share : {Share{0, 0}, Share{2, 2}, Share{0, 9}}) {
    EXPECT_NE(error_message(check_share(share), ErrorCode::kInvalidArgument), "");
  }
}

}  // namespace
}  // namespace gradcam::testing
