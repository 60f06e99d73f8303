#include "gradcam/kernels/sign_changes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gradcam/tensor/tensor.h"
#include "support/random.h"
#include "support/result.h"

namespace gradcam::testing {
namespace {

/// What is found, in any of the ways to find it, against the products in float64.
class Search {
 public:
  Search(std::size_t rows, std::size_t inputs, std::size_t outputs)
      : rows_(rows), inputs_(inputs), outputs_(outputs) {}

  void run(const Tensor& changes, const std::vector<float>& w, const std::vector<float>& z,
           const rounded::Kernels& kernels) {
    ASSERT_OK_AND_ASSIGN(SignChanges signs, SignChanges::of(changes, kernels));
    SignChanges::Found found;
    for (std::size_t first = 0; first < outputs_; first += SignChanges::kOutputs) {
      const std::size_t count = std::min(SignChanges::kOutputs, outputs_ - first);
      signs.find(w.data() + first * inputs_, z.data() + first, count, found);
      for (std::size_t o = 0; o < SignChanges::kOutputs; ++o) {
        EXPECT_TRUE(o < count || found[o].empty());
        found_ += found[o].size();
      }
      for (std::size_t o = 0; o < count; ++o) {
        for (std::size_t r = 0; r < rows_; ++r) {
          double sum = z[first + o];
          for (std::size_t i = 0; i < inputs_; ++i) {
            sum += double{w[(first + o) * inputs_ + i]} * changes.data()[r * inputs_ + i];
          }
          if ((sum > 0) == (z[first + o] > 0)) continue;
          ++turned_;
          EXPECT_EQ(std::ranges::count(found[o], static_cast<std::uint32_t>(r)), 1)
              << "change " << r << " of output " << first + o;
        }
      }
    }
  }

  std::size_t found() const { return found_; }
  std::size_t turned() const { return turned_; }

 private:
  std::size_t rows_;
  std::size_t inputs_;
  std::size_t outputs_;
  std::size_t found_ = 0;
  std::size_t turned_ = 0;
};

TEST(SignChanges, MissesNoneForOddSizes) {
  for (const auto& kernels : rounded::kernels()) {
    for (const std::size_t rows : {1, 2, 7, 13, 30}) {
      for (const std::size_t inputs : {1, 4, 37, 130, 515}) {
        for (const std::size_t outputs : {1, 5, 8, 19}) {
          SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(inputs) + " x " +
                       std::to_string(outputs) + ", " + std::to_string(kernels.numbers));
          RandomFloats random(rows * 10007 + outputs * 101 + inputs);
          ASSERT_OK_AND_ASSIGN(const Tensor changes,
                               Tensor::from({rows, inputs}, random.uniform(rows * inputs)));
          Search search(rows, inputs, outputs);
          search.run(changes, random.uniform(outputs * inputs), random.uniform(outputs, 5),
                     kernels);
        }
      }
    }
  }
}

TEST(SignChanges, FindsFewMoreThanThereAre) {
  constexpr std::size_t kRows = 40;
  constexpr std::size_t kInputs = 1000;
  constexpr std::size_t kOutputs = 64;
  RandomFloats random(5);
  ASSERT_OK_AND_ASSIGN(const Tensor changes,
                       Tensor::from({kRows, kInputs}, random.uniform(kRows * kInputs)));
  const auto w = random.uniform(kOutputs * kInputs);
  const auto z = random.uniform(kOutputs, 100);  // products deviate by 10
  for (const auto& kernels : rounded::kernels()) {
    Search search(kRows, kInputs, kOutputs);
    search.run(changes, w, z, kernels);
    EXPECT_GT(search.turned(), 20u);
    EXPECT_LT(search.found(), 4 * search.turned());
  }
}

TEST(SignChanges, IsSureOfNothingThatIsNotFinite) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  ASSERT_OK_AND_ASSIGN(const Tensor changes, Tensor::from({3, 2}, {{0, 0, 1, 1, kInfinity, 0}}));
  for (const auto& kernels : rounded::kernels()) {
    ASSERT_OK_AND_ASSIGN(SignChanges signs, SignChanges::of(changes, kernels));
    SignChanges::Found found;
    signs.find(std::vector<float>{1, 1}.data(), std::vector<float>{5}.data(), 1, found);
    EXPECT_EQ(found[0], (std::vector<std::uint32_t>{2}));
  }
}

TEST(SignChanges, RefusesSumsThatDoNotFit) {
  ASSERT_OK_AND_ASSIGN(const Tensor changes, Tensor::zeros({1, 200'000}));
  EXPECT_NE(error_message(SignChanges::of(changes), ErrorCode::kInvalidArgument), "");
}

}  // namespace
}  // namespace gradcam::testing
