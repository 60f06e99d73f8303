#include "gradcam/weights/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gradcam/tensor/int4.h"
#include "support/compare.h"
#include "support/random.h"

namespace gradcam::testing {
namespace {

using ::testing::ElementsAre;

constexpr float kTiny = std::numeric_limits<float>::denorm_min();
constexpr float kHuge = std::numeric_limits<float>::max();

struct Rounded {
  std::vector<float> values;  // as they read back
  std::vector<float> step;    // of each
};

Rounded round_int8(const std::vector<float>& row, std::size_t channels) {
  std::vector<std::int8_t> q(row.size());
  Rounded rounded{std::vector<float>(row.size()), {}};
  const float scale = quantize_int8(row, channels, q);
  dequantize_int8(q, scale, rounded.values);
  rounded.step.assign(row.size(), scale);
  return rounded;
}

Rounded round_int4(const std::vector<float>& row, std::size_t channels) {
  std::vector<std::uint8_t> q(row.size() / 2, 0xff);
  std::vector<float> scales((row.size() + kInt4Group - 1) / kInt4Group);
  Rounded rounded{std::vector<float>(row.size()), {}};
  quantize_int4(row, channels, q, scales);
  dequantize_int4(q, scales, rounded.values);
  for (std::size_t i = 0; i < row.size(); ++i) {
    rounded.step.push_back(std::abs(scales[i / kInt4Group]));
  }
  return rounded;
}

/// About normal.
std::vector<float> weights(std::size_t count, std::uint64_t seed) {
  RandomFloats random(seed);
  std::vector<float> row(count);
  for (float& w : row) w = random.uniform() + random.uniform() + random.uniform();
  return row;
}

TEST(Int4, HasFirstHalvesLowAndSecondHalvesHigh) {
  std::vector<std::uint8_t> row(8);
  for (int i = 0; i < 16; ++i) set_int4(row.data(), static_cast<std::size_t>(i), i - 8);
  EXPECT_THAT(row, ElementsAre(0xc8, 0xd9, 0xea, 0xfb, 0x40, 0x51, 0x62, 0x73));
  for (int i = 0; i < 16; ++i) EXPECT_EQ(int4_at(row.data(), static_cast<std::size_t>(i)), i - 8);
}

TEST(Quantize, KeepsWhatInt8CanHold) {
  const std::vector<float> row = {127, -3, 0, -127, 64, 1, 126, -90};
  std::vector<std::int8_t> q(row.size());
  EXPECT_EQ(quantize_int8(row, 2, q), 1.0f);
  EXPECT_THAT(q, ElementsAre(127, -3, 0, -127, 64, 1, 126, -90));
  EXPECT_EQ(round_int8(row, 2).values, row);
}

TEST(Quantize, KeepsWhatInt4CanHold) {
  // Two groups, the second of eight columns and a scale of its own; the furthest may be positive.
  std::vector<float> row;
  for (std::size_t i = 0; i < kInt4Group; ++i) row.push_back(static_cast<float>(i % 16) - 8);
  for (int i = 0; i < 8; ++i) row.push_back(static_cast<float>(8 - i) / 4);
  std::vector<std::uint8_t> q(row.size() / 2);
  std::vector<float> scales(2);
  quantize_int4(row, 8, q, scales);
  EXPECT_THAT(scales, ElementsAre(1.0f, -0.25f));
  EXPECT_EQ(round_int4(row, 8).values, row);
}

// By hand, one channel: 0.6 becomes 1, which leaves 0.4 to be taken back by the next three.
TEST(Quantize, SpreadsTheErrorOfEachWeightOverThoseToCome) {
  const std::vector<float> row = {0.6f, 2.6f, -1.45f, 127};
  std::vector<std::int8_t> q(row.size());
  EXPECT_EQ(quantize_int8(row, 1, q), 1.0f);
  // 2.6 - 0.4/3 = 2.47 -> 2, so the error is -0.2; -1.45 + 0.2/2 = -1.35 -> -1, so it is 0.25;
  // 127 - 0.25 -> 127.
  EXPECT_THAT(q, ElementsAre(1, 2, -1, 127));
  // As two channels: 0.6 -> 1 (error 0.4), 2.6 -> 3 (0.4), -1.45 - 0.4 -> -2, 127 - 0.4 -> 127.
  EXPECT_EQ(quantize_int8(row, 2, q), 1.0f);
  EXPECT_THAT(q, ElementsAre(1, 3, -2, 127));
}

TEST(Quantize, ErrorsOfAChannelCancel) {
  constexpr std::size_t kPositions = 49;
  for (const std::size_t channels : {1, 8, 24, 200}) {
    SCOPED_TRACE(std::to_string(channels) + " channels");
    const std::vector<float> row = weights(kPositions * 8 * channels, channels);
    const std::size_t per_channel = row.size() / channels;
    for (const Rounded& rounded : {round_int8(row, channels), round_int4(row, channels)}) {
      double squares = 0;
      double plain = 0;
      for (std::size_t c = 0; c < channels; ++c) {
        double error = 0;
        double largest_step = 0;
        for (std::size_t p = 0; p < per_channel; ++p) {
          const std::size_t i = p * channels + c;
          const double off = double{rounded.values[i]} - row[i];
          error += off;
          squares += off * off;
          plain += double{rounded.step[i]} * rounded.step[i] / 12;
          largest_step = std::max(largest_step, double{rounded.step[i]});
        }
        // The last weight takes back what it can; only one at the end of the range cannot.
        EXPECT_LE(std::abs(error), 1.0 * largest_step) << c;
      }
      // Each weight stays about as near as if it were rounded alone.
      EXPECT_LE(squares, 1.2 * plain);
    }
  }
}

/// What it is for: inputs that follow a ReLU and are alike over the positions of a channel.
TEST(Quantize, KeepsTheOutputNearerThanRoundingEachWeightAlone) {
  constexpr std::size_t kChannels = 64, kPositions = 49, kRows = 40;
  RandomFloats random(3);
  std::vector<float> x;
  std::vector<float> level = random.uniform(kChannels);
  for (std::size_t i = 0; i < kChannels * kPositions; ++i) {
    x.push_back(std::max(0.0f, level[i % kChannels] + 0.3f * random.uniform()));
  }
  double plain = 0;
  double ours = 0;
  for (std::size_t r = 0; r < kRows; ++r) {
    const std::vector<float> row = weights(kChannels * kPositions, 100 + r);
    const Rounded rounded = round_int4(row, kChannels);
    double plain_error = 0;
    double our_error = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const float alone = std::round(row[i] / rounded.step[i]) * rounded.step[i];
      plain_error += double{x[i]} * (alone - row[i]);
      our_error += double{x[i]} * (rounded.values[i] - row[i]);
    }
    plain += plain_error * plain_error;
    ours += our_error * our_error;
  }
  EXPECT_LT(ours, 0.25 * plain);
}

TEST(Quantize, ExtremeRowsStayFinite) {
  EXPECT_THAT(round_int8({0, -0.0f}, 1).values, ElementsAre(0, 0));
  EXPECT_THAT(round_int8({kTiny, -kTiny}, 1).values, ElementsAre(0, 0));
  for (const float value : round_int8({kHuge, -kHuge, kHuge / 3, 1}, 1).values) {
    EXPECT_TRUE(std::isfinite(value));
  }
  EXPECT_EQ(round_int4({0, 0, 0, 0, -0.0f, 0, 0, 0}, 1).values, std::vector<float>(8));
  EXPECT_EQ(round_int4({kTiny, 0, -kTiny, 0, 0, 0, 0, 0}, 1).values, std::vector<float>(8));
  for (const float value : round_int4({kHuge, -kHuge, 1, kHuge / 2, 0, 0, kHuge, -1}, 8).values) {
    EXPECT_TRUE(std::isfinite(value));
  }
  EXPECT_EQ(quantize_int8({}, 1, {}), 1.0f);
}

TEST(Quantize, RowsOfZerosHaveScaleOne) {
  std::vector<std::int8_t> q(8, 99);
  EXPECT_EQ(quantize_int8(std::vector<float>(8), 1, q), 1.0f);
  EXPECT_EQ(q, std::vector<std::int8_t>(8));
}

/// The error of one group goes on in the next.
TEST(Quantize, AGroupOfZerosLeavesTheNextOneAsItIs) {
  for (const std::size_t channels : {std::size_t{1}, std::size_t{8}, kInt4Group}) {
    SCOPED_TRACE(channels);
    const std::vector<float> rest = weights(kInt4Group, 5);
    std::vector<float> row(kInt4Group);
    row.insert(row.end(), rest.begin(), rest.end());
    const Rounded rounded = round_int4(row, channels);
    for (std::size_t i = 0; i < kInt4Group; ++i) {
      ASSERT_EQ(rounded.step[i], 1) << i;
      ASSERT_EQ(rounded.values[i], 0) << i;
    }
    const auto second = static_cast<std::ptrdiff_t>(kInt4Group);
    EXPECT_EQ(std::vector<float>(rounded.values.begin() + second, rounded.values.end()),
              round_int4(rest, channels).values);
  }
}

}  // namespace
}  // namespace gradcam::testing
