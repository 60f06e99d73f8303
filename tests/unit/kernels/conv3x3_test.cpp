#include "gradcam/kernels/conv3x3.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gradcam/tensor/tensor.h"
#include "support/compare.h"
#include "support/random.h"
#include "support/result.h"
#include "support/slow.h"
#include "support/values.h"

namespace gradcam::testing {
namespace {

constexpr std::size_t kTailFloats = kTailBytes / sizeof(float);

void fill_tail(Tensor& tensor, float value) {
  std::fill_n(tensor.data() + tensor.size(), kTailFloats, value);
}

bool tail_holds(const Tensor& tensor, float value) {
  const float* tail = tensor.data() + tensor.size();
  return std::all_of(tail, tail + kTailFloats, [value](float v) { return v == value; });
}

/// Runs convolutions of one size by any algorithm and compares them with the definition.
class ConvTester {
 public:
  ConvTester& map(std::size_t height, std::size_t width) {
    height_ = height;
    width_ = width;
    return *this;
  }

  ConvTester& channels(std::size_t inputs, std::size_t outputs) {
    inputs_ = inputs;
    outputs_ = outputs;
    return *this;
  }

  /// By this algorithm alone.
  ConvTester& only(ConvAlgorithm algorithm) {
    only_ = algorithm;
    return *this;
  }

  /// With and without ReLU and pooling, on the whole map and on strips of it, by every algorithm of
  /// this build.
  void test() {
    SCOPED_TRACE(std::to_string(height_) + "x" + std::to_string(width_) + ", " +
                 std::to_string(inputs_) + " to " + std::to_string(outputs_) + " channels");
    RandomFloats random(height_ * 1000003 + width_ * 1009 + inputs_ * 31 + outputs_);
    // Outputs of about unit variance, so that errors are relative to 1 where a lone output happens
    // to be near 0.
    const float deviation = std::sqrt(3.0f / (9.0f * static_cast<float>(inputs_)));
    x_ = random.uniform(height_ * width_ * inputs_, 1.7f);
    weight_ = random.uniform(outputs_ * 9 * inputs_, deviation);
    bias_ = random.uniform(outputs_);
    convolve();
    for (const ConvAlgorithm algorithm : conv_algorithms()) {
      if (algorithm != only_.value_or(algorithm)) continue;
      SCOPED_TRACE(conv_algorithm_name(algorithm));
      ASSERT_NO_FATAL_FAILURE(run_all(algorithm));
    }
  }

 private:
  void run_all(ConvAlgorithm algorithm) {
    // Winograd's tiles are of other sizes for small maps than for large ones.
    for (const std::size_t usual_side : {0, 14}) {
      if (usual_side > 0 && !is_winograd(algorithm)) continue;
      SCOPED_TRACE("for maps of " + std::to_string(usual_side));
      usual_side_ = usual_side;
      for (const bool relu : {false, true}) {
        for (const bool pool : {false, true}) {
          ASSERT_NO_FATAL_FAILURE(run(algorithm, relu, pool, 0, height_));
        }
      }
      // Strips at the upper edge, in the middle and at the lower edge.
      for (const bool pool : {false, true}) {
        if (height_ > 1) {
          ASSERT_NO_FATAL_FAILURE(run(algorithm, true, pool, 0, height_ / 2));
        }
        if (height_ > 2) {
          ASSERT_NO_FATAL_FAILURE(run(algorithm, true, pool, 1, height_ - 1));
        }
        if (height_ > 1) {
          ASSERT_NO_FATAL_FAILURE(run(algorithm, true, pool, height_ / 2, height_));
        }
      }
    }
  }

  static bool is_winograd(ConvAlgorithm algorithm) {
    return conv_algorithm_name(algorithm).starts_with("winograd");
  }

  /// y_ = W * x + b, by the definition.
  void convolve() {
    y_.clear();
    for (std::size_t y = 0; y < height_; ++y) {
      for (std::size_t x = 0; x < width_; ++x) {
        for (std::size_t o = 0; o < outputs_; ++o) {
          double sum = bias_[o];
          for (std::size_t ky = 0; ky < 3; ++ky) {
            for (std::size_t kx = 0; kx < 3; ++kx) {
              if (y + ky < 1 || y + ky > height_ || x + kx < 1 || x + kx > width_) continue;
              const float* pixel = &x_[((y + ky - 1) * width_ + x + kx - 1) * inputs_];
              const float* taps = &weight_[((o * 3 + ky) * 3 + kx) * inputs_];
              for (std::size_t c = 0; c < inputs_; ++c) sum += double{pixel[c]} * taps[c];
            }
          }
          y_.push_back(static_cast<float>(sum));
        }
      }
    }
  }

  /// What rows [first, last) of the map become.
  std::vector<float> expected(bool relu, bool pool, std::size_t first, std::size_t last) const {
    const std::size_t row = width_ * outputs_;
    std::vector<float> values(y_.begin() + static_cast<std::ptrdiff_t>(first * row),
                              y_.begin() + static_cast<std::ptrdiff_t>(last * row));
    if (relu) {
      for (float& value : values) value = std::max(value, 0.0f);
    }
    if (!pool) return values;
    std::vector<float> pooled;
    for (std::size_t y = 0; y + 2 <= last - first; y += 2) {
      for (std::size_t x = 0; x + 2 <= width_; x += 2) {
        for (std::size_t o = 0; o < outputs_; ++o) {
          const auto at = [&](std::size_t dy, std::size_t dx) {
            return values[((y + dy) * width_ + x + dx) * outputs_ + o];
          };
          pooled.push_back(std::max({at(0, 0), at(0, 1), at(1, 0), at(1, 1)}));
        }
      }
    }
    return pooled;
  }

  void run(ConvAlgorithm algorithm, bool relu, bool pool, std::size_t first,
           std::size_t last) const {
    SCOPED_TRACE(std::string(relu ? "relu" : "no relu") + (pool ? ", pool" : ", no pool") +
                 ", rows " + std::to_string(first) + " to " + std::to_string(last));
    const Conv3x3Spec spec{.in_channels = inputs_,
                           .out_channels = outputs_,
                           .relu = relu,
                           .pool = pool,
                           .pad_top = first == 0 ? 1u : 0u,
                           .pad_bottom = last == height_ ? 1u : 0u,
                           .usual_side = usual_side_};
    const std::size_t height = last - first + 2 - spec.pad_top - spec.pad_bottom;
    ASSERT_EQ(spec.output_rows(height), last - first);
    const std::size_t row = width_ * inputs_;
    const std::span<const float> strip =
        std::span(x_).subspan((first - (1 - spec.pad_top)) * row, height * row);
    ASSERT_OK_AND_ASSIGN(const auto conv,
                         make_conv3x3(algorithm, spec, weight_.data(), bias_.data()));

    // What lies behind the input may be read but must not matter; nor may what lies in the
    // workspace. Nothing may be written behind the output and the workspace.
    ASSERT_OK_AND_ASSIGN(Tensor x, Tensor::from({height, width_, inputs_}, strip));
    fill_tail(x, kNaN);
    ASSERT_OK_AND_ASSIGN(Tensor workspace, Tensor::zeros({conv->workspace_floats(height, width_)}));
    std::ranges::fill(workspace.values(), kNaN);
    fill_tail(workspace, kCanary);
    const std::vector<float> wanted = expected(relu, pool, first, last);
    ASSERT_OK_AND_ASSIGN(Tensor y, Tensor::zeros({wanted.size()}));
    std::ranges::fill(y.values(), kNaN);
    fill_tail(y, kCanary);

    ASSERT_OK(conv->run(x.data(), height, width_, y.data(), workspace.data()));
    EXPECT_TRUE(tail_holds(y, kCanary)) << "wrote behind the output";
    EXPECT_TRUE(tail_holds(workspace, kCanary)) << "wrote behind the workspace";
    EXPECT_TRUE(std::ranges::equal(x.values(), strip)) << "changed the input";
    const double tolerance = is_winograd(algorithm) ? 1e-5 : 2e-6;
    const double error = rms_difference(y.values(), wanted);
    EXPECT_FALSE(std::isnan(error));
    EXPECT_LE(error, tolerance * std::max(1.0, rms(wanted)));

    if (pool) {
      const std::vector<float> unpooled = expected(relu, false, first, last);
      ASSERT_OK_AND_ASSIGN(Tensor z, Tensor::zeros({unpooled.size()}));
      fill_tail(z, kCanary);
      ASSERT_OK(conv->run_unpooled(x.data(), height, width_, z.data(), workspace.data()));
      EXPECT_TRUE(tail_holds(z, kCanary)) << "wrote behind the output";
      EXPECT_LE(rms_difference(z.values(), unpooled), tolerance * std::max(1.0, rms(unpooled)));
    }
    std::vector<float> unpacked(weight_.size());
    conv->unpack(unpacked.data());
    EXPECT_LE(rms_difference(unpacked, weight_), 1e-6 * rms(weight_));
  }

  std::size_t height_ = 1;
  std::size_t width_ = 1;
  std::size_t inputs_ = 1;
  std::size_t outputs_ = 1;
  std::size_t usual_side_ = 0;
  std::optional<ConvAlgorithm> only_;
  std::vector<float> x_;
  std::vector<float> weight_;
  std::vector<float> bias_;
  std::vector<float> y_;
};

constexpr std::size_t kInputCounts[] = {1, 3, 4, 5, 7, 8, 16, 63, 64, 65, 130};
constexpr std::size_t kOutputCounts[] = {1, 3, 8, 9, 12, 33};

class ConvSize : public ::testing::TestWithParam<std::pair<std::size_t, std::size_t>> {};

TEST_P(ConvSize, AgreesWithTheDefinitionForAllChannels) {
  const auto [height, width] = GetParam();
  // All pairs, or each count with some.
  constexpr std::size_t kOneOf = GRADCAM_SANITIZED ? 3 : 1;
  std::size_t pair = 0;
  for (const std::size_t inputs : kInputCounts) {
    ++pair;
    for (const std::size_t outputs : kOutputCounts) {
      if (++pair % kOneOf != 0) continue;
      ConvTester().map(height, width).channels(inputs, outputs).test();
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Small, ConvSize,
                         ::testing::Values(std::pair(1, 1), std::pair(1, 11), std::pair(6, 1),
                                           std::pair(2, 2), std::pair(3, 5), std::pair(7, 9),
                                           std::pair(13, 6), std::pair(14, 14)),
                         [](const auto& info) {
                           return std::to_string(info.param.first) + "x" +
                                  std::to_string(info.param.second);
                         });

TEST(Conv3x3, AgreesWithTheDefinitionOnLargerMaps) {
  ConvTester().map(28, 28).channels(3, 33).test();
  ConvTester().map(28, 28).channels(16, 8).test();
  // More than one block of Winograd's tiles, and a last one that is not full.
  ConvTester().map(45, 43).channels(5, 9).test();
  ConvTester().map(45, 43).channels(64, 9).test();
  ConvTester().map(45, 43).channels(64, 130).test();
  ConvTester().map(14, 14).channels(130, 130).test();
}

TEST(Conv3x3, AgreesWithTheDefinitionWhereWeightsAreTransformedBitByBit) {
  // Two blocks of tiles, and outputs and channels that end within a piece.
  ConvTester().map(29, 30).channels(130, 260).only(ConvAlgorithm::kWinogradLean).test();
}

/// By every form of Winograd's on a 14x14 map.
void test_winograd_accuracy(const Conv3x3Spec& spec) {
  constexpr std::size_t kSide = 14;
  RandomFloats random(5);
  ASSERT_OK_AND_ASSIGN(const Tensor x,
                       Tensor::from({kSide, kSide, spec.in_channels},
                                    random.uniform(kSide * kSide * spec.in_channels)));
  const auto weight = random.uniform(spec.out_channels * 9 * spec.in_channels, 0.03f);
  const auto bias = random.uniform(spec.out_channels);
  const auto run = [&](ConvAlgorithm algorithm) -> Result<Tensor> {
    GRADCAM_TRY(const auto conv, make_conv3x3(algorithm, spec, weight.data(), bias.data()));
    GRADCAM_TRY(Tensor workspace, Tensor::zeros({conv->workspace_floats(kSide, kSide)}));
    GRADCAM_TRY(Tensor y, Tensor::zeros({kSide, kSide, spec.out_channels}));
    GRADCAM_CHECK_OK(conv->run(x.data(), kSide, kSide, y.data(), workspace.data()));
    return y;
  };
  ASSERT_OK_AND_ASSIGN(const Tensor expected, run(ConvAlgorithm::kReference));
  for (const ConvAlgorithm algorithm : conv_algorithms()) {
    if (!conv_algorithm_name(algorithm).starts_with("winograd")) continue;
    SCOPED_TRACE(conv_algorithm_name(algorithm));
    ASSERT_OK_AND_ASSIGN(const Tensor actual, run(algorithm));
    EXPECT_LE(rms_difference(actual.values(), expected.values()), 1e-5 * rms(expected.values()));
  }
}

TEST(Conv3x3, WinogradKeepsItsAccuracyOverManyChannels) {
  for (const std::size_t usual_side : {14, 28}) {
    test_winograd_accuracy({.in_channels = 512, .out_channels = 24, .usual_side = usual_side});
  }
}

TEST(Conv3x3, RunsAgainOnAnotherSize) {
  constexpr Conv3x3Spec kSpec{.in_channels = 9, .out_channels = 10, .relu = true};
  RandomFloats random(6);
  const auto weight = random.uniform(std::size_t{10} * 9 * 9, 0.2f);
  const auto bias = random.uniform(10);
  for (const ConvAlgorithm algorithm : conv_algorithms()) {
    SCOPED_TRACE(conv_algorithm_name(algorithm));
    ASSERT_OK_AND_ASSIGN(const auto kept,
                         make_conv3x3(algorithm, kSpec, weight.data(), bias.data()));
    for (const std::size_t side : {9, 4, 17}) {
      ASSERT_OK_AND_ASSIGN(const auto fresh,
                           make_conv3x3(algorithm, kSpec, weight.data(), bias.data()));
      ASSERT_OK_AND_ASSIGN(const Tensor x,
                           Tensor::from({side, side, 9}, random.uniform(side * side * 9)));
      ASSERT_OK_AND_ASSIGN(Tensor workspace, Tensor::zeros({kept->workspace_floats(side, side)}));
      ASSERT_OK_AND_ASSIGN(Tensor first, Tensor::zeros({side, side, 10}));
      ASSERT_OK_AND_ASSIGN(Tensor second, Tensor::zeros({side, side, 10}));
      ASSERT_OK(kept->run(x.data(), side, side, first.data(), workspace.data()));
      ASSERT_OK(fresh->run(x.data(), side, side, second.data(), workspace.data()));
      EXPECT_TRUE(std::ranges::equal(first.values(), second.values())) << side;
    }
  }
}

TEST(ConvAlgorithms, AreListedFromTheReferenceOn) {
  const auto algorithms = conv_algorithms();
  const auto has = [&](ConvAlgorithm algorithm) {
    return std::ranges::find(algorithms, algorithm) != algorithms.end();
  };
  EXPECT_EQ(algorithms.front(), ConvAlgorithm::kReference);
  EXPECT_TRUE(has(ConvAlgorithm::kWinograd));
#if defined(GRADCAM_WITH_XNNPACK)
  EXPECT_TRUE(has(ConvAlgorithm::kXnnpack));
#else
  EXPECT_FALSE(has(ConvAlgorithm::kXnnpack));
#endif
}

TEST(ConvAlgorithms, AreFoundByName) {
  for (const ConvAlgorithm algorithm : conv_algorithms()) {
    ASSERT_OK_AND_ASSIGN(const auto found, find_conv_algorithm(conv_algorithm_name(algorithm)));
    EXPECT_EQ(found, algorithm);
  }
}

TEST(ConvAlgorithms, OfAnUnknownNameAreAnsweredWithTheKnownOnes) {
  const std::string message =
      error_message(find_conv_algorithm("fft"), ErrorCode::kInvalidArgument);
  EXPECT_NE(message.find("fft"), std::string::npos) << message;
  for (const ConvAlgorithm algorithm : conv_algorithms()) {
    EXPECT_NE(message.find(conv_algorithm_name(algorithm)), std::string::npos) << message;
  }
}

TEST(ConvAlgorithms, DefaultIsOneThatThisBuildHas) {
  for (const std::size_t channels : {1, 3, 7, 8, 64, 512}) {
    const ConvAlgorithm algorithm = default_conv_algorithm(channels);
    EXPECT_NE(algorithm, ConvAlgorithm::kReference);
    EXPECT_TRUE(find_conv_algorithm(conv_algorithm_name(algorithm)).has_value()) << channels;
  }
}

#if !defined(GRADCAM_WITH_XNNPACK)
TEST(ConvAlgorithms, MissingFromThisBuildAreRefused) {
  const float weight[9] = {};
  const float bias[1] = {};
  EXPECT_NE(error_message(find_conv_algorithm("xnnpack"), ErrorCode::kInvalidArgument), "");
  EXPECT_NE(error_message(make_conv3x3(ConvAlgorithm::kXnnpack,
                                       {.in_channels = 1, .out_channels = 1}, weight, bias),
                          ErrorCode::kInvalidArgument),
            "");
}
#endif

}  // namespace
}  // namespace gradcam::testing
