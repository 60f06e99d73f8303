#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

/// JSON in files of other programs. Private to this room.
namespace gradcam::internal {

using ImportedJson = nlohmann::ordered_json;

/// A text as JSON; discarded if it is none, or says more than any description of a VGG16.
ImportedJson parse_imported_json(std::string_view text);

}  // namespace gradcam::internal
