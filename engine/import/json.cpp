#include "import/json.h"

#include <algorithm>

namespace gradcam::internal {

ImportedJson parse_imported_json(std::string_view text) {
  // The parser compares every key with all before it, and takes a zero byte for the end.
  constexpr std::ptrdiff_t kMostEntries = 20'000;
  if (std::ranges::count(text, ',') > kMostEntries || text.find('\0') != std::string_view::npos) {
    return ImportedJson(ImportedJson::value_t::discarded);
  }
  return ImportedJson::parse(text.begin(), text.end(), nullptr, false);
}

}  // namespace gradcam::internal
