#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

/// JSON in files of other programs. Private to this room.
namespace gradcam::internal {

using ImportedJson = nlohmann::ordered_json;

/// A text as JSON; discarded if it is none, or has more entries than that.
ImportedJson parse_imported_json(std::string_view text, std::ptrdiff_t most_entries);

}  // namespace gradcam::internal
