#include "gradcam/weights/metadata.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "gradcam/tensor/json.h"
#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

using internal::quote;
using json = internal::UntrustedJson;

constexpr std::string_view kFormatFamily = "gradcam.cpp/";
constexpr std::string_view kFormat = "gradcam.cpp/1";
constexpr std::string_view kArchitecture = "vgg16";

// The 1000 labels of ImageNet take 30 KB.
constexpr std::size_t kMaxJsonText = 1 << 20;

/// No value is an object, or holds one.
json parse_value(const std::string& text) {
  return internal::parse_untrusted(text, {.bytes = kMaxJsonText, .keys = 0});
}

/// What names classes goes to terminals and into file names.
Result<void> check_printable(const char* what, const std::string& name) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  // U+0080 to U+009F are control characters, too.
  const auto is_high = [](unsigned char a, unsigned char b) { return a == 0xc2 && b < 0xa0; };
  if (std::ranges::none_of(name, is_control) &&
      std::ranges::adjacent_find(name, is_high) == name.end()) {
    return {};
  }
  return fail(ErrorCode::kCorruptModel, "the model's " + std::string(what) + " " + quote(name) +
                                            " has a control character in it");
}

Result<std::vector<std::string>> parse_labels(const std::string& text) {
  if (text.size() > kMaxJsonText) {
    return fail(ErrorCode::kCorruptModel, "the model's labels take more than 1 MiB");
  }
  json array = parse_value(text);
  if (!array.is_array()) {
    return fail(ErrorCode::kCorruptModel,
                "the model's labels are not a JSON array of strings, but " + quote(text));
  }
  std::vector<std::string> labels;
  std::set<std::string_view> seen;
  labels.reserve(array.size());  // `seen` views the strings in place.
  for (json& element : array) {
    if (!element.is_string() || element.get_ref<std::string&>().empty()) {
      return fail(ErrorCode::kCorruptModel, "the model's label " + std::to_string(labels.size()) +
                                                " is not a non-empty string");
    }
    labels.push_back(std::move(element.get_ref<std::string&>()));
    GRADCAM_CHECK_OK(check_printable("label", labels.back()));
    if (!seen.insert(labels.back()).second) {
      return fail(ErrorCode::kCorruptModel,
                  "the model's label " + quote(labels.back()) + " occurs twice");
    }
  }
  return labels;
}

Result<float> parse_temperature(const std::string& text) {
  const json number = parse_value(text);
  const float value = number.is_number() ? number.get<float>() : 0.0f;
  if (!std::isnormal(value) || value < 0) {
    return fail(ErrorCode::kCorruptModel,
                "the model's temperature is not a positive number, but " + quote(text));
  }
  return value;
}

Result<float> parse_unsure_below(const std::string& text) {
  const json number = parse_value(text);
  const float value = number.is_number() ? number.get<float>() : -1.0f;
  if (!(value >= 0 && value <= 1)) {
    return fail(ErrorCode::kCorruptModel,
                "the model's unsure_below is not a number between 0 and 1, but " + quote(text));
  }
  return value;
}

}  // namespace

Result<ModelMetadata> parse_metadata(const std::map<std::string, std::string>& metadata) {
  const auto value = [&](const char* key) -> const std::string* {
    const auto entry = metadata.find(key);
    return entry == metadata.end() ? nullptr : &entry->second;
  };
  if (const auto* format = value("format");
      format != nullptr && format->starts_with(kFormatFamily) && *format != kFormat) {
    return fail(ErrorCode::kCorruptModel, "the model has the format " + quote(*format) +
                                              "; this version reads " + std::string(kFormat));
  }
  if (const auto* architecture = value("architecture");
      architecture != nullptr && *architecture != kArchitecture) {
    if (*architecture == kHeadArchitecture) {
      return fail(ErrorCode::kCorruptModel,
                  "the file is a head, a last layer alone; the model that it was trained on is "
                  "needed, and takes it as its --head");
    }
    return fail(ErrorCode::kCorruptModel, "the model has the architecture " + quote(*architecture) +
                                              "; expected " + std::string(kArchitecture));
  }
  ModelMetadata model;
  if (const auto* text = value("labels")) {
    GRADCAM_TRY(model.labels, parse_labels(*text));
  }
  if (const auto* text = value("temperature")) {
    GRADCAM_TRY(model.temperature, parse_temperature(*text));
  }
  if (const auto* text = value("unsure_below")) {
    GRADCAM_TRY(model.unsure_below, parse_unsure_below(*text));
  }
  if (const auto* text = value("others")) {
    GRADCAM_CHECK_OK(check_printable("name for what is none of the classes,", *text));
    model.others = *text;
  }
  if (const auto* text = value("preprocess")) model.preprocess = *text;
  if (const auto* text = value("source")) model.source = *text;
  if (const auto* text = value("license")) model.license = *text;
  return model;
}

Result<void> check_labels(const std::vector<std::string>& labels) {
  ModelMetadata written;
  written.labels = labels;
  const auto read = parse_metadata(serialize_metadata(written));
  if (!read) return fail(ErrorCode::kInvalidArgument, read.error().message);
  // What is not UTF-8 is replaced when it is written.
  const auto replaced = std::ranges::mismatch(labels, read->labels).in2;
  if (replaced == read->labels.end()) return {};
  return fail(ErrorCode::kInvalidArgument, "the label " + quote(*replaced) + " is not UTF-8 text");
}

Result<void> check_labels(const std::vector<std::string>& labels, std::size_t classes) {
  GRADCAM_CHECK_OK(check_labels(labels));
  if (labels.size() == classes) return {};
  return fail(ErrorCode::kInvalidArgument,
              "there are " + std::to_string(labels.size()) + " labels, but the model has " +
                  std::to_string(classes) + " classes; expected is one for each");
}

std::map<std::string, std::string> serialize_metadata(const ModelMetadata& metadata) {
  std::map<std::string, std::string> result = {{"format", std::string(kFormat)},
                                               {"architecture", std::string(kArchitecture)}};
  const auto dump = [](const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
  };
  if (!metadata.labels.empty()) result["labels"] = dump(metadata.labels);
  if (!metadata.others.empty()) result["others"] = metadata.others;
  if (metadata.temperature != 1) result["temperature"] = dump(metadata.temperature);
  if (metadata.unsure_below != 0) result["unsure_below"] = dump(metadata.unsure_below);
  if (!metadata.preprocess.empty()) result["preprocess"] = metadata.preprocess;
  if (!metadata.source.empty()) result["source"] = metadata.source;
  if (!metadata.license.empty()) result["license"] = metadata.license;
  return result;
}

}  // namespace gradcam
