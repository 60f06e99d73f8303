#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <sys/stat.h>
#include <windows.h>

#include <array>
#include <cstdlib>
#include <string>

#include "cli/system.h"

namespace gradcam {

namespace fs = std::filesystem;

// Arguments are UTF-8 by the program's manifest.
void use_utf8() { SetConsoleOutputCP(CP_UTF8); }

fs::path path_of(std::string_view name) {
  // What is no UTF-8 becomes U+FFFD, where the standard library would throw.
  std::wstring path(name.size(), L'\0');
  const auto size = static_cast<int>(name.size());
  path.resize(static_cast<std::size_t>(
      MultiByteToWideChar(CP_UTF8, 0, name.data(), size, path.data(), size)));
  return path;
}

std::FILE* create_file(const fs::path& path) {
  // msvcrt's fopen knows no "x".
  const int file = _wopen(path.c_str(), _O_CREAT | _O_EXCL | _O_WRONLY | _O_BINARY | _O_NOINHERIT,
                          _S_IREAD | _S_IWRITE);
  return file < 0 ? nullptr : _fdopen(file, "wb");
}

bool make_durable(std::FILE* file) { return _commit(_fileno(file)) == 0; }

bool may_open_folder(const fs::path& folder) { return _waccess(folder.c_str(), 4) == 0; }

bool is_terminal(std::FILE* file) { return _isatty(_fileno(file)) != 0; }

int process_id() { return _getpid(); }

fs::path program_file() {
  std::array<wchar_t, 1 << 15> path{};  // the most that a path may have
  const auto size = static_cast<DWORD>(path.size());
  const DWORD length = GetModuleFileNameW(nullptr, path.data(), size);
  return length < size ? fs::path(std::wstring(path.data(), length)) : fs::path();
}

fs::path cache_folder() {
  const wchar_t* folder = _wgetenv(L"LOCALAPPDATA");
  return folder == nullptr ? fs::path() : fs::path(folder);
}

}  // namespace gradcam
