#include "cli/progress.h"

#include <unistd.h>

#include <cstdio>
#include <string>

namespace gradcam {

void show_progress(std::size_t done, std::size_t total, const char* unit) {
  if (isatty(STDERR_FILENO) == 0) return;
  constexpr std::size_t kCells = 40;
  const std::size_t cells = done * kCells / total;
  std::fprintf(stderr, "\r[%s%s] %zu of %zu %s%s", std::string(cells, '#').c_str(),
               std::string(kCells - cells, ' ').c_str(), done, total, unit,
               done == total ? "\n" : "");
}

}  // namespace gradcam
