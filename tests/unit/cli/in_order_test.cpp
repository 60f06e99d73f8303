#include "cli/in_order.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <numeric>
#include <vector>

namespace gradcam::testing {
namespace {

class InOrderTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(InOrderTest, DeliversInTheOrderOfTheJobs) {
  constexpr int kJobs = 200;
  std::vector<int> delivered;
  std::atomic<int> delivering = 0;
  {
    InOrder<std::unique_ptr<int>> jobs(GetParam(), [&](std::unique_ptr<int> result) {
      EXPECT_EQ(++delivering, 1) << "two were delivered at once";
      delivered.push_back(*result);
      --delivering;
    });
    for (int i = 0; i < kJobs; ++i) {
      jobs.push([i] {
        // The later ones of each handful are done first.
        std::this_thread::sleep_for(std::chrono::microseconds(200 * (4 - i % 5)));
        return std::make_unique<int>(i);
      });
    }
  }
  std::vector<int> expected(kJobs);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(delivered, expected);
}

TEST_P(InOrderTest, ThatOfNoJobsEnds) {
  InOrder<int> jobs(GetParam(), [](int) { ADD_FAILURE(); });
}

INSTANTIATE_TEST_SUITE_P(Threads, InOrderTest, ::testing::Values(0, 1, 2, 5));

TEST(InOrder, WorksOnSeveralAtOnce) {
  std::promise<void> second_has_begun;
  std::vector<int> delivered;
  {
    InOrder<int> jobs(2, [&](int result) { delivered.push_back(result); });
    jobs.push([&] {
      const auto begun = second_has_begun.get_future().wait_for(std::chrono::seconds(60));
      EXPECT_EQ(begun, std::future_status::ready);
      return 1;
    });
    jobs.push([&] {
      second_has_begun.set_value();
      return 2;
    });
  }
  EXPECT_EQ(delivered, (std::vector{1, 2}));
}

TEST(InOrder, DeliversWhatIsDoneBeforeTheNextJobComes) {
  std::promise<int> result;
  InOrder<int> jobs(3, [&](int value) { result.set_value(value); });
  jobs.push([] { return 7; });
  auto future = result.get_future();
  ASSERT_EQ(future.wait_for(std::chrono::seconds(60)), std::future_status::ready);
  EXPECT_EQ(future.get(), 7);
}

TEST(InOrder, HoldsNoMoreThanTwiceAsManyAsThreads) {
  std::atomic<int> made = 0;
  std::atomic<int> delivered = 0;
  std::atomic<int> most = 0;
  {
    InOrder<int> jobs(2, [&](int) { ++delivered; });
    for (int i = 0; i < 100; ++i) {
      jobs.push([&, i] {
        // The first one holds up all the others.
        if (i == 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
        ++made;
        return i;
      });
      most = std::max<int>(most, i + 1 - delivered);
    }
  }
  EXPECT_EQ(made, 100);
  EXPECT_EQ(delivered, 100);
  EXPECT_LE(most, 5);  // delivered_ may be counted a moment later
}

}  // namespace
}  // namespace gradcam::testing
