#include "import/labels.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "gradcam/weights/metadata.h"
#include "gradcam/weights/quote.h"
#include "import/json.h"

namespace gradcam {
namespace {

using internal::ImportedJson;

std::unexpected<Error> bad_labels(const std::string& what) {
  return fail(ErrorCode::kInvalidArgument, what);
}

/// What an entry of a list, or of Keras's class index, calls its class.
std::optional<std::string> name_in(const ImportedJson& entry) {
  const ImportedJson& name = entry.is_array() && !entry.empty() ? entry.back() : entry;
  return name.is_string() ? std::optional(name.get<std::string>()) : std::nullopt;
}

/// The name of class `index`.
std::optional<std::string> name_of(const ImportedJson& json, std::size_t index) {
  if (json.is_array()) return name_in(json[index]);
  if (const auto found = json.find(std::to_string(index)); found != json.end()) {
    if (auto name = name_in(*found)) return name;
  }
  for (const auto& [name, number] : json.items()) {
    if (number.is_number_unsigned() && number.get<std::size_t>() == index) return name;
  }
  return std::nullopt;
}

Result<std::vector<std::string>> labels_from_json(const ImportedJson& json) {
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < json.size(); ++i) {
    auto label = name_of(json, i);
    if (!label) {
      return bad_labels(
          "it is none of a JSON list of names, Keras's class index, and {\"name\": number, ...}");
    }
    if (std::ranges::find(labels, *label) != labels.end()) *label += "_" + std::to_string(i);
    labels.push_back(*std::move(label));
  }
  return labels;
}

Result<std::vector<std::string>> labels_from_lines(std::string_view text) {
  std::vector<std::string> labels(1);
  for (const char c : text) {
    if (c == '\n') {
      labels.emplace_back();
    } else if (c != '\r') {
      labels.back().push_back(c);
    }
  }
  if (labels.back().empty()) labels.pop_back();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::string line = "line " + std::to_string(i + 1);
    if (labels[i].empty()) return bad_labels(line + " is empty; expected is one label a line");
    const auto first = std::ranges::find(labels, labels[i]) - labels.begin();
    if (first != static_cast<std::ptrdiff_t>(i)) {
      return bad_labels(line + " repeats line " + std::to_string(first + 1) + ", " +
                        internal::quote(labels[i]));
    }
  }
  return labels;
}

}  // namespace

Result<std::vector<std::string>> parse_labels(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  constexpr std::ptrdiff_t kMostEntries = 20'000;
  const auto json = text.starts_with('[') || text.starts_with('{')
                        ? internal::parse_imported_json(text, kMostEntries)
                        : ImportedJson();
  const bool is_json = json.is_array() || json.is_object();
  GRADCAM_TRY(auto labels, is_json ? labels_from_json(json) : labels_from_lines(text));
  if (labels.empty()) return bad_labels("it names no classes");
  GRADCAM_CHECK_OK(check_labels(labels));
  return labels;
}

}  // namespace gradcam
