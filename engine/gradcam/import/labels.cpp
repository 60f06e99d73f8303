#include "gradcam/import/labels.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "gradcam/tensor/json.h"
#include "gradcam/tensor/text.h"
#include "gradcam/weights/metadata.h"

namespace gradcam {
namespace {

using internal::UntrustedJson;

std::unexpected<Error> bad_labels(const std::string& what) {
  return fail(ErrorCode::kInvalidArgument, what);
}

/// What an entry of a list, or of Keras's class index, calls its class.
std::optional<std::string> name_in(const UntrustedJson& entry) {
  const UntrustedJson& name = entry.is_array() && !entry.empty() ? entry.back() : entry;
  return name.is_string() ? std::optional(name.get<std::string>()) : std::nullopt;
}

/// What classes are called, by their number; nothing for those that are not named.
std::vector<std::optional<std::string>> names_in(const UntrustedJson& json) {
  std::vector<std::optional<std::string>> names(json.size());
  for (const auto& [key, entry] : json.items()) {  // the keys of a list are its indices
    if (json.is_object() && entry.is_number_unsigned()) {
      const auto index = entry.get<std::size_t>();
      if (index < names.size()) names[index] = key;
    } else {
      std::size_t index = names.size();
      std::from_chars(key.data(), key.data() + key.size(), index);
      if (index < names.size() && key == std::to_string(index)) names[index] = name_in(entry);
    }
  }
  return names;
}

Result<std::vector<std::string>> labels_from_json(const UntrustedJson& json) {
  std::vector<std::string> labels;
  std::set<std::string> seen;
  for (auto& label : names_in(json)) {
    if (!label) {
      return bad_labels(
          "it is none of a JSON list of names, Keras's class index, and {\"name\": number, ...}");
    }
    if (seen.contains(*label)) *label += "_" + std::to_string(labels.size());
    seen.insert(*label);
    labels.push_back(*std::move(label));
  }
  return labels;
}

/// A dict as Python prints it, {0: 'tench, Tinca tinca', 1: "...", ...}, as the JSON that says the
/// same; "" if it is none.
std::string json_from_python(std::string_view text) {
  std::string json;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c >= '0' && c <= '9') {
      const std::size_t end = std::min(text.find_first_not_of("0123456789", at), text.size());
      json += '"' + std::string(text.substr(at, end - at)) + '"';
      at = end - 1;
    } else if (c == '"' || c == '\'') {
      json += '"';
      for (++at; at < text.size() && text[at] != c; ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) ++at;  // which stands for what follows
        if (text[at] == '"' || text[at] == '\\') json += '\\';
        json += text[at];
      }
      json += '"';
    } else if (c == '}' && json.ends_with(',')) {
      json.back() = c;
    } else if (std::string_view("{}:,").contains(c)) {
      json += c;
    } else if (!std::string_view(" \t\r\n").contains(c)) {
      return "";
    }
  }
  return json;
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
  while (!labels.empty() && labels.back().empty()) labels.pop_back();
  std::map<std::string_view, std::size_t> lines;
  for (const std::string& label : labels) {
    const std::size_t number = lines.size() + 1;
    const std::string line = "line " + std::to_string(number);
    if (label.empty()) return bad_labels(line + " is empty; expected is one label a line");
    const auto [first, is_new] = lines.try_emplace(label, number);
    if (!is_new) {
      return bad_labels(line + " repeats line " + std::to_string(first->second) + ", " +
                        internal::quote(label));
    }
  }
  return labels;
}

}  // namespace

Result<std::vector<std::string>> parse_labels(std::string_view text) {
  text = internal::without_byte_order_mark(text);
  constexpr std::size_t kMostEntries = 20'000;
  constexpr std::size_t kMostBytes = 4 << 20;
  if (text.size() > kMostBytes || std::cmp_greater(std::ranges::count(text, '\n'), kMostEntries)) {
    return bad_labels("it is longer than a file that names classes");
  }
  constexpr std::string_view kSpace = " \t\r\n";
  const std::string_view value = text.substr(std::min(text.find_first_not_of(kSpace), text.size()));
  const bool is_json = value.starts_with('[') || value.starts_with('{');
  auto json =
      is_json ? internal::parse_untrusted(value, {.entries = kMostEntries}) : UntrustedJson();
  if (value.starts_with('{') && !json.is_object()) {
    json = internal::parse_untrusted(json_from_python(value), {.entries = kMostEntries});
  }
  const bool is_whole = json.is_array() || json.is_object();
  const std::size_t second = value.find_first_not_of(kSpace, 1);
  // A line may begin with a bracket, too, but hardly go on so.
  if (is_json && !is_whole && second < value.size() &&
      std::string_view("\"'0123456789").contains(value[second])) {
    return bad_labels("it begins as JSON does, but is damaged or cut short");
  }
  GRADCAM_TRY(auto labels, is_whole ? labels_from_json(json) : labels_from_lines(text));
  if (labels.empty()) return bad_labels("it names no classes");
  GRADCAM_CHECK_OK(check_labels(labels));
  return labels;
}

}  // namespace gradcam
