#pragma once

#include <optional>
#include <string>

/// A whole number of a JSON object, by nlohmann's exceptions, which gradcam does without.
std::optional<int> read_setting(const std::string& json, const char* key);
