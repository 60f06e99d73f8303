#include "settings.h"

#include <nlohmann/json.hpp>

std::optional<int> read_setting(const std::string& json, const char* key) {
  try {
    return nlohmann::ordered_json::parse(json).at(key).get<int>();
  } catch (const nlohmann::json::exception&) {
    return {};
  }
}
