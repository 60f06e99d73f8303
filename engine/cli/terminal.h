#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// What people read: on standard error, and on standard output where it is not JSON.
namespace gradcam {

/// A text with "?" for each control character: names of files can hold what a terminal would
/// obey. (Labels cannot, see check_labels.)
std::string printable(std::string_view text);

/// "1 photo", "2 photos".
std::string counted(std::uint64_t count, std::string_view one);

/// "gradcam: <message>" on standard error, on a line of its own, behind all that was written to
/// standard output before.
void complain(std::string_view message);

/// "gradcam: <what>: <message>".
void complain(std::string_view what, std::string_view message);

/// A bar on standard error, if that is a terminal: "[####    ] 20 of 40 photos". Like complain(),
/// for one thread at a time.
/// @param unit_size how much of `done` and `total` makes one of the unit, as 1e6 bytes a MB
void show_progress(std::uint64_t done, std::uint64_t total, const char* unit, double unit_size = 1);

/// Takes a bar away that has not come to its end.
void clear_progress();

}  // namespace gradcam
