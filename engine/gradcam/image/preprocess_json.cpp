#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "gradcam/image/preprocess.h"
#include "gradcam/tensor/json.h"

namespace gradcam {
namespace {

std::unexpected<Error> bad_value(std::string_view key, std::string_view expected) {
  return fail(ErrorCode::kInvalidArgument,
              "preprocess: \"" + std::string(key) + "\" must be " + std::string(expected));
}

/// A side in pixels, 1..kMaxPreprocessSide.
Result<int> read_side(const internal::UntrustedJson& json, const char* key) {
  const auto found = json.find(key);
  if (found != json.end() && found->is_number_integer()) {
    const auto value = found->get<std::int64_t>();
    if (value >= 1 && value <= kMaxPreprocessSide) return static_cast<int>(value);
  }
  return bad_value(key, "a whole number from 1 to " + std::to_string(kMaxPreprocessSide));
}

/// A number that is finite as a float, NaN for anything else.
float to_float(const internal::UntrustedJson& json) {
  if (!json.is_number()) return std::numeric_limits<float>::quiet_NaN();
  const auto value = json.get<double>();
  constexpr double kMax = std::numeric_limits<float>::max();
  if (!(std::abs(value) <= kMax)) return std::numeric_limits<float>::quiet_NaN();
  return static_cast<float>(value);
}

/// Three finite numbers, above 0 if `positive`.
Result<std::array<float, 3>> read_channels(const internal::UntrustedJson& json, const char* key,
                                           bool positive) {
  const auto found = json.find(key);
  if (found != json.end() && found->is_array() && found->size() == 3) {
    std::array<float, 3> values;
    std::ranges::transform(*found, values.begin(), to_float);
    if (std::ranges::all_of(values, [positive](float value) {
          return positive ? value > 0 : std::isfinite(value);
        })) {
      return values;
    }
  }
  return bad_value(key, positive ? "three numbers above 0" : "three finite numbers");
}

std::string shortest(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  return {text, end};
}

std::string list(const std::array<float, 3>& values) {
  return "[" + shortest(values[0]) + "," + shortest(values[1]) + "," + shortest(values[2]) + "]";
}

}  // namespace

Result<Preprocess> parse_preprocess(std::string_view text) {
  const internal::UntrustedJson json = internal::parse_untrusted(text, {.bytes = 16 << 10});
  if (!json.is_object()) {
    return fail(ErrorCode::kInvalidArgument, "preprocess: not a JSON object of at most 16 KiB");
  }
  Preprocess spec;
  const auto resize = json.find("resize");
  if (resize != json.end() && *resize == "shorter_side") {
    spec.resize = ResizeRule::kShorterSide;
    GRADCAM_TRY(spec.shorter_side, read_side(json, "shorter_side"));
    GRADCAM_TRY(spec.crop, read_side(json, "crop"));
    if (spec.crop > spec.shorter_side) return bad_value("crop", "at most \"shorter_side\"");
  } else if (resize != json.end() && *resize == "squash") {
    spec.resize = ResizeRule::kSquash;
  } else {
    return bad_value("resize", "\"shorter_side\" or \"squash\"");
  }
  GRADCAM_TRY(spec.size, read_side(json, "size"));
  const auto channels = json.find("channels");
  if (channels == json.end() || (*channels != "RGB" && *channels != "BGR")) {
    return bad_value("channels", "\"RGB\" or \"BGR\"");
  }
  spec.bgr = *channels == "BGR";
  const auto scale = json.find("scale");
  spec.scale = scale == json.end() ? 0 : to_float(*scale);
  if (!(spec.scale > 0)) return bad_value("scale", "a number above 0");
  GRADCAM_TRY(spec.mean, read_channels(json, "mean", false));
  GRADCAM_TRY(spec.std, read_channels(json, "std", true));
  return spec;
}

std::string to_json(const Preprocess& spec) {
  std::string json = R"({"resize":)";
  if (spec.resize == ResizeRule::kShorterSide) {
    json += R"("shorter_side","shorter_side":)" + std::to_string(spec.shorter_side) +
            R"(,"crop":)" + std::to_string(spec.crop);
  } else {
    json += R"("squash")";
  }
  json += R"(,"size":)" + std::to_string(spec.size);
  json += std::string(R"(,"channels":)") + (spec.bgr ? R"("BGR")" : R"("RGB")");
  json += R"(,"scale":)" + shortest(spec.scale);
  json += R"(,"mean":)" + list(spec.mean);
  json += R"(,"std":)" + list(spec.std);
  return json + "}";
}

}  // namespace gradcam
