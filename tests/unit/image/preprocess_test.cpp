#include "gradcam/image/preprocess.h"

#include <gtest/gtest.h>

#include <array>

#include "image_fixtures.h"
#include "support/values.h"

namespace gradcam::testing {
namespace {

constexpr std::string_view kTorchvision =
    R"({"resize":"shorter_side","shorter_side":256,"crop":224,"size":224,"channels":"RGB",)"
    R"("scale":0.00392156862745098,"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]})";

TEST(Preprocess, MatchesPillowAndNumpy) {
  const Image noise = decoded_fixture("noise.png");
  const auto cases = manifest()["preprocesses"];
  ASSERT_EQ(cases.size(), 2u);
  for (const auto& entry : cases) {
    SCOPED_TRACE(entry["preprocess"].dump());
    const auto spec = parse_preprocess(entry["preprocess"].dump());
    ASSERT_TRUE(spec.has_value()) << spec.error().message;
    const Box box = crop_box(*spec, noise.width, noise.height);
    EXPECT_DOUBLE_EQ(box.x, entry["box"][0]);
    EXPECT_DOUBLE_EQ(box.y, entry["box"][1]);
    EXPECT_DOUBLE_EQ(box.width, entry["box"][2]);
    EXPECT_DOUBLE_EQ(box.height, entry["box"][3]);
    const auto input = preprocess(noise, *spec);
    ASSERT_TRUE(input.has_value());
    const std::size_t size = static_cast<std::size_t>(spec->size);
    EXPECT_EQ(input->shape(), (Shape{size, size, 3}));
    const auto expected = float_fixture(entry["values"]);
    ASSERT_EQ(input->size(), expected.size());
    const double tolerance = spec->scale < 1 ? 1e-5 : 3e-4;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(input->values()[i], expected[i], tolerance) << i;
    }
  }
}

TEST(Preprocess, HasTheSameBitsOnEveryMachine) {
  const Image noise = decoded_fixture("noise.png");
  for (const auto& entry : manifest()["preprocesses"]) {
    SCOPED_TRACE(entry["preprocess"].dump());
    const auto input = preprocess(noise, *parse_preprocess(entry["preprocess"].dump()));
    ASSERT_TRUE(input.has_value());
    const auto expected = float_fixture(entry["exact"]);
    ASSERT_EQ(input->size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(input->values()[i], expected[i]) << i;
    }
  }
}

TEST(Preprocess, CropsTheCentreOfTheShorterSide) {
  const Box wide = crop_box({}, 640, 480);
  EXPECT_DOUBLE_EQ(wide.width, 420);
  EXPECT_DOUBLE_EQ(wide.height, 420);
  EXPECT_DOUBLE_EQ(wide.x, 110);
  EXPECT_DOUBLE_EQ(wide.y, 30);
  const Box tall = crop_box({}, 300, 4000);
  EXPECT_DOUBLE_EQ(tall.width, 262.5);
  EXPECT_DOUBLE_EQ(tall.x, 18.75);
  EXPECT_DOUBLE_EQ(tall.y, 1868.75);
  const Box squashed = crop_box({.resize = ResizeRule::kSquash}, 640, 480);
  EXPECT_DOUBLE_EQ(squashed.width, 640);
  EXPECT_DOUBLE_EQ(squashed.height, 480);
}

TEST(Preprocess, CropStaysInsideOfEveryPhoto) {
  for (int shorter_side = 1; shorter_side <= 300; shorter_side += 23) {
    for (int crop = 1; crop <= shorter_side; crop += 7) {
      const Preprocess spec{.shorter_side = shorter_side, .crop = crop, .size = 2};
      for (const auto& [width, height] : {std::pair{1, 1}, {1, 50}, {7, 3}, {61, 47}, {3, 997}}) {
        Image photo{.width = width, .height = height, .rgb = {}};
        photo.rgb.resize(static_cast<std::size_t>(width * height) * 3);
        EXPECT_TRUE(preprocess(photo, spec).has_value())
            << shorter_side << " " << crop << " " << width << " x " << height;
      }
    }
  }
}

TEST(PreprocessJson, DefaultsAreTorchvisions) {
  const auto spec = parse_preprocess(kTorchvision);
  ASSERT_TRUE(spec.has_value()) << spec.error().message;
  const Preprocess expected;
  EXPECT_EQ(spec->resize, ResizeRule::kShorterSide);
  EXPECT_EQ(spec->shorter_side, expected.shorter_side);
  EXPECT_EQ(spec->crop, expected.crop);
  EXPECT_EQ(spec->size, expected.size);
  EXPECT_FALSE(spec->bgr);
  EXPECT_EQ(spec->scale, expected.scale);
  EXPECT_EQ(spec->mean, expected.mean);
  EXPECT_EQ(spec->std, expected.std);
}

TEST(PreprocessJson, ReadsBackWhatItWrites) {
  Preprocess squash;
  squash.resize = ResizeRule::kSquash;
  squash.size = 128;
  squash.bgr = true;
  squash.scale = 1;
  squash.mean = {103.939f, 116.779f, 123.68f};
  squash.std = {1, 1, 1};
  EXPECT_EQ(to_json(squash), R"({"resize":"squash","size":128,"channels":"BGR","scale":1,)"
                             R"("mean":[103.939,116.779,123.68],"std":[1,1,1]})");
  for (const Preprocess& spec : {Preprocess{}, squash}) {
    const auto again = parse_preprocess(to_json(spec));
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(again->resize, spec.resize);
    EXPECT_EQ(again->size, spec.size);
    EXPECT_EQ(again->bgr, spec.bgr);
    EXPECT_EQ(again->scale, spec.scale);
    EXPECT_EQ(again->mean, spec.mean);
    EXPECT_EQ(again->std, spec.std);
  }
}

TEST(PreprocessJson, NamesTheKeyThatIsWrong) {
  struct Change {
    const char* key;
    nlohmann::json value;
  };
  const auto original = nlohmann::json::parse(kTorchvision);
  for (const Change& change : {
           Change{"resize", "longer_side"},
           Change{"resize", 3},
           Change{"shorter_side", 0},
           Change{"shorter_side", "256"},
           Change{"crop", 257},
           Change{"crop", 1.5},
           Change{"size", 0},
           Change{"size", -224},
           Change{"size", 4097},
           Change{"size", 18446744073709551615u},
           Change{"channels", "GBR"},
           Change{"channels", nullptr},
           Change{"scale", 0},
           Change{"scale", 1e300},
           Change{"scale", 1e-300},
           Change{"mean", {0.5, 0.5}},
           Change{"mean", {0.5, 0.5, "0.5"}},
           Change{"mean", {0.5, 0.5, 1e39}},
           Change{"mean", 0.5},
           Change{"std", {0.5, 0.5, 0}},
           Change{"std", {0.5, 0.5, nullptr}},
       }) {
    auto json = original;
    json[change.key] = change.value;
    const auto spec = parse_preprocess(json.dump());
    ASSERT_FALSE(spec.has_value()) << change.key << " = " << change.value;
    EXPECT_EQ(spec.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(spec.error().message.find('"' + std::string(change.key) + '"'), std::string::npos)
        << spec.error().message;
  }
  for (const auto& [key, value] : original.items()) {
    auto json = original;
    json.erase(key);
    const auto spec = parse_preprocess(json.dump());
    ASSERT_FALSE(spec.has_value()) << key;
    EXPECT_NE(spec.error().message.find('"' + key + '"'), std::string::npos);
  }
}

TEST(PreprocessJson, RefusesMoreTextThanAnyRuleHas) {
  const std::string text = to_json(Preprocess());
  const std::string padded = text + std::string(16 << 10, ' ');
  for (const std::string& wrong : {padded, text + std::string(1, '\0')}) {
    const auto parsed = parse_preprocess(wrong);
    ASSERT_FALSE(parsed.has_value());
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(PreprocessJson, IgnoresUnknownKeysAndRefusesOtherText) {
  auto json = nlohmann::json::parse(kTorchvision);
  json["interpolation"] = "bilinear";
  EXPECT_TRUE(parse_preprocess(json.dump()).has_value());
  for (const std::string_view text : {"", "{", "[]", "3", "null", R"({"size":NaN})"}) {
    EXPECT_FALSE(parse_preprocess(text).has_value()) << text;
  }
}

TEST(Preprocess, RefusesNumbersThatGiveNone) {
  const Image noise = decoded_fixture("noise.png");
  const auto expect_refused = [&](const Preprocess& spec) {
    const auto input = preprocess(noise, spec);
    ASSERT_FALSE(input.has_value());
    EXPECT_EQ(input.error().code, ErrorCode::kInvalidArgument);
  };
  for (const float scale : {0.0f, -1.0f, kNaN}) expect_refused({.scale = scale});
  for (const float std : {0.0f, -1.0f, kNaN}) expect_refused({.std = {1, std, 1}});
  expect_refused({.mean = {0, 0, kNaN}});
}

TEST(Preprocess, TheMeanColourIsZeroIfAMeanIsSubtracted) {
  using Colour = std::array<float, 3>;
  EXPECT_EQ(mean_colour({}), Colour{});
  EXPECT_EQ(mean_colour({.scale = 1, .mean = {127.5f, 127.5f, 127.5f}}), Colour{});
  const Colour unit = mean_colour({.mean = {}, .std = {1, 1, 1}});
  const Colour bytes = mean_colour({.bgr = true, .scale = 1, .mean = {}, .std = {1, 1, 2}});
  const Colour expected = {0.485f, 0.456f, 0.406f};
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(unit[c], expected[c], 1e-6);
    EXPECT_NEAR(bytes[c], 255 * expected[2 - c] / (c == 2 ? 2 : 1), 1e-3);
  }
}

}  // namespace
}  // namespace gradcam::testing
