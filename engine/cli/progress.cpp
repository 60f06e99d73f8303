#include "cli/progress.h"

#include <unistd.h>

#include <cstdio>
#include <string>

namespace gradcam {

void show_progress(std::uint64_t done, std::uint64_t total, const char* unit, double unit_size) {
  if (isatty(STDERR_FILENO) == 0) return;
  constexpr std::size_t kCells = 40;
  const auto cells = static_cast<std::size_t>(done * kCells / total);
  std::fprintf(stderr, "\r[%s%s] %.0f of %.0f %s%s", std::string(cells, '#').c_str(),
               std::string(kCells - cells, ' ').c_str(), static_cast<double>(done) / unit_size,
               static_cast<double>(total) / unit_size, unit, done == total ? "\n" : "");
}

}  // namespace gradcam
