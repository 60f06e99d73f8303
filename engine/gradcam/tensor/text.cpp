#include "gradcam/tensor/text.h"

#include <algorithm>

namespace gradcam::internal {

std::string spelt_plainly(std::string_view name) {
  constexpr std::string_view kBetweenWords = " _-";
  name.remove_prefix(std::min(name.find_first_not_of(kBetweenWords), name.size()));
  std::string plain;
  for (const char c : name.substr(0, name.find_last_not_of(kBetweenWords) + 1)) {
    const bool is_capital = c >= 'A' && c <= 'Z';
    plain += kBetweenWords.contains(c) ? '_' : is_capital ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return plain;
}

std::string_view without_byte_order_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  return text;
}

std::string_view beginning_of(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0u) == 0x80u) --most;
  return text.substr(0, most);
}

std::string quote(std::string_view text) {
  constexpr std::size_t kMaxBytes = 60;
  constexpr unsigned char kDelete = 0x7f;
  const std::string_view beginning = beginning_of(text, kMaxBytes);
  std::string result = "\"";
  for (const char c : beginning) {
    const auto byte = static_cast<unsigned char>(c);
    result += byte < ' ' || byte == kDelete ? '?' : c;
  }
  if (beginning.size() < text.size()) result += "...";
  return result + "\"";
}

}  // namespace gradcam::internal
