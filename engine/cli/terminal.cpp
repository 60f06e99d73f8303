#include "cli/terminal.h"

#include <cstdio>
#include <iostream>

#include "cli/system.h"

namespace gradcam {
namespace {

/// Whether the last line of the terminal is a bar.
bool g_has_bar = false;

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F, the other control characters, are two bytes of UTF-8.
    const bool is_c1 = byte == 0xC2 && i + 1 < text.size() &&
                       static_cast<unsigned char>(text[i + 1]) >= 0x80 &&
                       static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (is_c1) ++i;
    result += is_c1 || byte < 0x20 || byte == 0x7F ? '?' : text[i];
  }
  return result;
}

std::string counted(std::uint64_t count, std::string_view one) {
  return std::to_string(count) + " " + std::string(one) + (count == 1 ? "" : "s");
}

void complain(std::string_view message) {
  std::fflush(stdout);
  std::cout.flush();
  clear_progress();
  std::cerr << "gradcam: " << printable(message) << std::endl;
}

void complain(std::string_view what, std::string_view message) {
  complain(std::string(what) + ": " + std::string(message));
}

void show_progress(std::uint64_t done, std::uint64_t total, const char* unit, double unit_size) {
  if (!is_terminal(stderr)) return;
  constexpr std::size_t kCells = 40;
  const auto cells = static_cast<std::size_t>(done * kCells / total);
  std::fprintf(stderr, "\r[%s%s] %.0f of %.0f %s%s", std::string(cells, '#').c_str(),
               std::string(kCells - cells, ' ').c_str(), static_cast<double>(done) / unit_size,
               static_cast<double>(total) / unit_size, unit, done == total ? "\n" : "");
  g_has_bar = done != total;
}

void clear_progress() {
  if (!g_has_bar) return;
  std::fputs("\r\033[K", stderr);
  g_has_bar = false;
}

}  // namespace gradcam
