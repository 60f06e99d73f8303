#include "gradcam/import/importing_loader.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <vector>

#include "gradcam/tensor/random.h"
#include "support/result.h"
#include "unit/import/tiny_foreign.h"

namespace gradcam {
namespace {

using ::gradcam::testing::error_message;
using ::gradcam::testing::foreign_file;
using ::gradcam::testing::import_bytes;
using ::gradcam::testing::kForeignFiles;

Result<std::vector<float>> logits_of(const Vgg16& model) {
  const auto side = static_cast<std::size_t>(model.info().preprocess.size);
  GRADCAM_TRY(Tensor input, Tensor::uninitialized({side, side, 3}));
  Random random(7);
  for (float& value : input.values()) value = static_cast<float>(random.below(256)) / 255;
  GRADCAM_TRY(Activations activations, model.make_activations());
  GRADCAM_CHECK_OK(model.forward(input, activations));
  const auto logits = activations.logits.values();
  return std::vector<float>(logits.begin(), logits.end());
}

// Importing without a file in between gives what importing to one and loading that gives.
TEST(ImportingLoader, AsOneAfterTheOther) {
  for (const char* name : kForeignFiles) {
    SCOPED_TRACE(name);
    const auto file = foreign_file(name);
    ASSERT_OK_AND_ASSIGN(const Vgg16 direct, import_vgg16(file));
    ASSERT_OK_AND_ASSIGN(const auto imported, import_bytes(file));
    ASSERT_OK_AND_ASSIGN(const Vgg16 loaded, load_vgg16(imported));
    EXPECT_EQ(direct.info().metadata.labels, loaded.info().metadata.labels);
    EXPECT_EQ(direct.info().preprocess.bgr, loaded.info().preprocess.bgr);
    ASSERT_OK_AND_ASSIGN(const auto logits, logits_of(direct));
    ASSERT_OK_AND_ASSIGN(const auto expected, logits_of(loaded));
    EXPECT_EQ(logits, expected);
  }
}

TEST(ImportingLoader, Errors) {
  const auto file = foreign_file("keras.h5");
  EXPECT_EQ(error_message(import_vgg16(file, {.leave_fc1 = true}), ErrorCode::kInvalidArgument),
            "fc1 cannot be left in the file of another program; convert it first");
  EXPECT_FALSE(import_vgg16(std::span(file).first(file.size() / 2)));
  EXPECT_EQ(error_message(ImportingLoader(file.size(), {}).finish(), ErrorCode::kInvalidArgument),
            "the file has not been provided");
  const std::vector<std::uint8_t> nothing(100);
  EXPECT_EQ(error_message(import_vgg16(nothing), ErrorCode::kUnsupportedFormat),
            error_message(import_bytes(nothing), ErrorCode::kUnsupportedFormat));
}

}  // namespace
}  // namespace gradcam
