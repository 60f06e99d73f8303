#include "gradcam/weights/quote.h"

namespace gradcam::internal {

std::string quote(std::string_view text) {
  constexpr std::size_t kMaxBytes = 60;
  constexpr unsigned char kDelete = 0x7f;
  std::size_t length = text.size();
  if (length > kMaxBytes) {
    length = kMaxBytes;
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0u) == 0x80u) --length;
  }
  std::string result = "\"";
  for (const char c : text.substr(0, length)) {
    const auto byte = static_cast<unsigned char>(c);
    result += byte < ' ' || byte == kDelete ? '?' : c;
  }
  if (length < text.size()) result += "...";
  return result + "\"";
}

}  // namespace gradcam::internal
