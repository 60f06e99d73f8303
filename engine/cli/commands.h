#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "gradcam/tensor/error.h"

/// The subcommands of `gradcam`. Each adds itself to the program; the one that is called leaves
/// its outcome in `exit_code`: kOk, or kSomeFailed if an input failed.
namespace gradcam {

inline constexpr int kOk = 0;
inline constexpr int kSomeFailed = 1;
inline constexpr int kBadUsage = 2;

/// Says on standard error why a command did nothing. Returns kBadUsage where it was called wrongly,
/// else kSomeFailed.
int report_failure(const Error& error);

/// Whether everything that was written to standard output went out: the disk may be full.
bool output_has_arrived();

/// Makes options of all commands refuse what is no number of their kind (NaN, infinity, less than 0
/// of what is counted), and what is empty, as of a variable in a script that is not set.
void refuse_what_is_no_value(CLI::App& app);

/// Checks for a number.
CLI::Validator above_zero();
CLI::Validator between(double least, double most);

/// For Option::transform: makes a value the one of these that it is, whatever its capitals, or a
/// fault.
CLI::Validator one_of(std::vector<std::string> names);

/// What is wrong with the arguments of the program, as a sentence with the option's name.
std::string fault_of(const CLI::App& app, const CLI::ParseError& error);

/// An option, or an argument, that names a file or a folder.
CLI::Option* add_path_option(CLI::App& command, const std::string& name,
                             std::filesystem::path& path, const std::string& description);

/// Options that several commands have.
void add_model_option(CLI::App& command, std::filesystem::path& model);
void add_head_option(CLI::App& command, std::filesystem::path& head);
void add_workers_option(CLI::App& command, std::size_t& workers);

/// Makes a list take one argument, with commas in it: by itself it would take the photos that come
/// after it, too.
CLI::Option* with_commas(CLI::Option* list);

/// The arguments of the program as the parser takes them: names behind all options and `--`, as it
/// takes none behind a `--` if some come before it; and what follows `=` apart from its option
/// where it is empty, as `--out=` would take the next argument for its value.
std::vector<std::string> arguments_of(const CLI::App& app, int argc, char** argv);

void add_explain(CLI::App& app, int& exit_code);
void add_info(CLI::App& app, int& exit_code);
void add_evaluate(CLI::App& app, int& exit_code);
void add_convert(CLI::App& app, int& exit_code);
void add_finetune(CLI::App& app, int& exit_code);
void add_bench(CLI::App& app, int& exit_code);

}  // namespace gradcam
