#include "gradcam/import/importing_converter.h"

#include <gtest/gtest.h>

#include <vector>

#include "support/converted.h"
#include "support/result.h"
#include "unit/import/tiny_foreign.h"

namespace gradcam {
namespace {

using ::gradcam::testing::error_message;
using ::gradcam::testing::foreign_file;
using ::gradcam::testing::import_bytes;

Result<std::vector<std::uint8_t>> in_one_go(const std::vector<std::uint8_t>& file,
                                            const ImportingConverter::Plan& plan) {
  ImportingConverter converter(file.size(), {}, plan);
  std::vector<std::uint8_t> out;
  while (const auto wanted = converter.wanted()) {
    const auto part =
        std::span(file).subspan(static_cast<std::size_t>(wanted->begin),
                                static_cast<std::size_t>(wanted->end - wanted->begin));
    GRADCAM_TRY(const auto next, converter.provide(part));
    out.insert(out.end(), next.begin(), next.end());
  }
  EXPECT_EQ(out.size(), converter.file_bytes());
  return out;
}

// The same as importing and converting one after the other, where classes are picked, too, which
// has the last layer read to and fro.
TEST(ImportingConverter, AsOneAfterTheOther) {
  for (const Precision precision : {Precision::kFloat32, Precision::kInt8}) {
    for (const bool picks : {false, true}) {
      ConvertOptions options{.precision = precision, .classes = {}, .metadata = {}};
      if (picks) options.classes = {1, 0};
      const auto file = foreign_file("keras.h5");
      ASSERT_OK_AND_ASSIGN(const auto together,
                           in_one_go(file, [&](const SafetensorsHeader&) { return options; }));

      ASSERT_OK_AND_ASSIGN(const auto imported, import_bytes(file));
      ASSERT_OK_AND_ASSIGN(const auto expected, testing::convert(imported, options));
      EXPECT_EQ(together, expected);
    }
  }
}

TEST(ImportingConverter, WhatThePlanRefuses) {
  const auto refuse = [](const SafetensorsHeader&) -> Result<ConvertOptions> {
    return fail(ErrorCode::kInvalidArgument, "not this one");
  };
  EXPECT_EQ(error_message(in_one_go(foreign_file("keras.h5"), refuse), ErrorCode::kInvalidArgument),
            "not this one");
}

}  // namespace
}  // namespace gradcam
