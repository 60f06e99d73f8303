#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gradcam/vgg16/loader.h"
#include "support/result.h"
#include "support/tensor_file.h"

namespace gradcam::testing {

/// A model of tests/oracle/fixtures and where PyTorch's results for it are.
struct TinyModel {
  const char* file;
  const char* expected;
};

/// Odd widths, three sizes of input, all the layouts, number formats and int8.
inline constexpr std::array kTinyModels = {
    TinyModel{"tiny32.keras", "tiny32"},
    TinyModel{"tiny64.keras", "tiny64"},
    TinyModel{"tiny64.torchvision", "tiny64"},
    TinyModel{"tiny64.timm", "tiny64"},
    TinyModel{"tiny96.keras", "tiny96"},
    TinyModel{"tiny_int8.keras", "tiny_int8"},
    TinyModel{"tiny_mixed.torchvision", "tiny_mixed"},
    TinyModel{"tiny_empty.keras", "tiny_empty"},
};

/// The bytes of such a file.
inline Result<std::vector<std::uint8_t>> read_tiny(const std::string& name) {
  GRADCAM_TRY(const TensorFile file, TensorFile::read(oracle_fixture(name)));
  return file.serialize();
}

/// A model after a forward pass on the oracle's input.
struct TinyRun {
  TensorFile oracle;
  Vgg16 model;
  Activations activations;
  std::vector<std::size_t> classes;  ///< 0, 1, ...: all of them

  static Result<TinyRun> forward(const TinyModel& tiny, ConvAlgorithm algorithm) {
    GRADCAM_TRY(TensorFile oracle,
                TensorFile::read(oracle_fixture(tiny.expected + std::string(".expected"))));
    GRADCAM_TRY(const auto bytes, read_tiny(tiny.file));
    GRADCAM_TRY(Vgg16 model, load_vgg16(bytes, {.convolution = algorithm}));
    GRADCAM_TRY(Activations activations, model.make_activations());
    GRADCAM_TRY(const Tensor input, oracle.tensor("input"));
    GRADCAM_CHECK_OK(model.forward(input, activations));
    std::vector<std::size_t> classes(model.classes());
    std::iota(classes.begin(), classes.end(), std::size_t{0});
    return TinyRun{std::move(oracle), std::move(model), std::move(activations), std::move(classes)};
  }
};

/// A test of a tiny model's file and the oracle's input for it.
class Tiny64 : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(bytes_, read_tiny("tiny64.keras"));
    ASSERT_OK_AND_ASSIGN(oracle_, TensorFile::read(oracle_fixture("tiny64.expected")));
    ASSERT_OK_AND_ASSIGN(input_, oracle_.tensor("input"));
  }

  std::vector<std::uint8_t> bytes_;
  TensorFile oracle_;
  Tensor input_;
};

/// Names a test by its model and algorithm.
inline std::string tiny_test_name(
    const ::testing::TestParamInfo<std::tuple<TinyModel, ConvAlgorithm>>& info) {
  std::string name = std::get<TinyModel>(info.param).file;
  std::ranges::replace(name, '.', '_');
  return name + "_" + std::string(conv_algorithm_name(std::get<ConvAlgorithm>(info.param)));
}

}  // namespace gradcam::testing
