#include <unistd.h>

#include <cstdlib>
#include <system_error>

#include "cli/system.h"

namespace gradcam {

namespace fs = std::filesystem;

void use_utf8() {}

fs::path path_of(std::string_view name) { return name; }

std::FILE* create_file(const fs::path& path) { return std::fopen(path.c_str(), "wbx"); }

bool make_durable(std::FILE* file) { return fsync(fileno(file)) == 0; }

bool may_open_folder(const fs::path& folder) { return access(folder.c_str(), R_OK | X_OK) == 0; }

bool is_terminal(std::FILE* file) { return isatty(fileno(file)) != 0; }

int process_id() { return getpid(); }

fs::path program_file() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error);
}

fs::path cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache != 0) return cache;
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != 0) return fs::path(home) / ".cache";
  return {};
}

}  // namespace gradcam
