#pragma once

#include <cstddef>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>

/// JSON in files that may be hostile. Private to the library: who uses it needs no nlohmann-json.
namespace gradcam::internal {

using UntrustedJson = nlohmann::ordered_json;

/// What a text may have, by what is expected of it.
struct JsonLimits {
  static constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();

  std::size_t bytes = kAny;    ///< a document takes many times the bytes of its text
  std::size_t keys = kAny;     ///< of all objects: each is compared with all before it
  std::size_t entries = kAny;  ///< of all objects and arrays
};

/// A text as JSON; discarded if it is none, has more than that, or is nested too deep for what goes
/// through values level by level.
UntrustedJson parse_untrusted(std::string_view text, const JsonLimits& limits);

}  // namespace gradcam::internal
