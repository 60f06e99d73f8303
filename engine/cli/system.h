#pragma once

#include <cstdio>
#include <filesystem>
#include <string_view>

/// What operating systems have ways of their own for.
namespace gradcam {

/// Has names of files and what is printed be UTF-8, where that is not so anyway.
void use_utf8();

/// The path of this name. A string turns into a path by itself, but not from UTF-8 everywhere.
std::filesystem::path path_of(std::string_view name);

/// Opens a file for writing that is not there yet; null, and errno, otherwise.
std::FILE* create_file(const std::filesystem::path& path);

/// Waits until what was written would survive the machine's going down; false, and errno, if it
/// would not.
bool make_durable(std::FILE* file);

/// Whether a folder's files can be listed and opened; errno, if not.
bool may_open_folder(const std::filesystem::path& folder);

bool is_terminal(std::FILE* file);

/// The number of this process.
int process_id();

/// The file of this program; empty if the system does not tell.
std::filesystem::path program_file();

/// Where programs keep what they can make again; empty if the user has no such place.
std::filesystem::path cache_folder();

}  // namespace gradcam
