#include "gradcam/import/json.h"

#include <algorithm>

namespace gradcam::internal {
namespace {

/// Values are compared and copied level by level, on the stack.
bool is_nested_deeper_than(std::string_view text, int most) {
  int depth = 0;
  bool is_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') is_text = !is_text;
    if (is_text) {
      i += c == '\\' ? 1 : 0;
    } else if (c == '[' || c == '{') {
      if (++depth > most) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

ImportedJson parse_imported_json(std::string_view text, std::ptrdiff_t most_entries) {
  // The parser compares every key with all before it, and takes a zero byte for the end.
  constexpr int kMostNested = 100;
  if (std::ranges::count(text, ',') > most_entries || text.find('\0') != std::string_view::npos ||
      is_nested_deeper_than(text, kMostNested)) {
    return ImportedJson(ImportedJson::value_t::discarded);
  }
  return ImportedJson::parse(text.begin(), text.end(), nullptr, false);
}

}  // namespace gradcam::internal
