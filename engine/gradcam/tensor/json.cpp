#include "gradcam/tensor/json.h"

namespace gradcam::internal {
namespace {

/// Of any text that the parser takes, as it takes it; of others, at least up to the fault.
bool is_within(const JsonLimits& limits, std::string_view text) {
  constexpr int kMostNested = 100;  // values are compared and copied on the stack
  std::size_t keys = 0;
  std::size_t commas = 0;
  int depth = 0;
  bool is_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') is_text = !is_text;
    if (is_text) {
      i += c == '\\' ? 1 : 0;
    } else if (c == '[' || c == '{') {
      if (++depth > kMostNested) return false;
    } else if (c == ']' || c == '}') {
      --depth;
    } else if (c == ':') {
      if (++keys > limits.keys) return false;
    } else if (c == ',') {
      if (++commas > limits.entries) return false;
    }
  }
  return true;
}

}  // namespace

UntrustedJson parse_untrusted(std::string_view text, const JsonLimits& limits) {
  // The parser takes a zero byte for the end.
  if (text.size() > limits.bytes || text.contains('\0') || !is_within(limits, text)) {
    return UntrustedJson(UntrustedJson::value_t::discarded);
  }
  return UntrustedJson::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

}  // namespace gradcam::internal
