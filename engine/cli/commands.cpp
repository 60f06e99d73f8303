#include "cli/commands.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/system.h"
#include "cli/terminal.h"
#include "gradcam/tensor/text.h"
#include "gradcam/vgg16/partition.h"

namespace gradcam {
namespace {

/// A number as it is meant; the parser takes 010 for 8.
std::string without_zeros(std::string number) {
  while (number.size() > 1 && number[0] == '0' && number[1] >= '0' && number[1] <= '9') {
    number.erase(0, 1);
  }
  return number;
}

/// "a number is expected, not "x"".
std::string expected(std::string_view what, std::string_view value) {
  return std::string(what) + " is expected, not " + internal::quote(value);
}

/// What is wrong with a value for an option of this type, or "".
std::string fault_of_value(const std::string& type, const std::string& value) {
  const bool counts = type.starts_with("UINT");
  if (counts && value.starts_with('-')) return value + " is below 0";
  if (counts || type.starts_with("INT")) {
    const bool is_whole = CLI::TypeValidator<std::int64_t>()(value).empty() ||
                          CLI::TypeValidator<std::uint64_t>()(value).empty();
    if (!is_whole) return expected("a whole number", value);
    errno = 0;  // the parser takes what is larger for the largest number that there is
    std::strtoull(value.c_str(), nullptr, 0);
    return errno == ERANGE ? expected("a whole number below 2^64", value) : "";
  }
  if (!type.starts_with("FLOAT")) return "";
  const bool is_finite = CLI::TypeValidator<double>()(value).empty() &&
                         std::isfinite(std::strtod(value.c_str(), nullptr));
  return is_finite ? "" : expected("a finite number", value);
}

/// The commands that have an option, for a sentence: "; gradcam finetune has it".
std::string who_has(const CLI::App& app, const std::string& option) {
  const auto commands = app.get_subcommands(
      [&](const CLI::App* command) { return command->get_option_no_throw(option) != nullptr; });
  if (commands.empty()) return "";
  const auto name_of = [](const CLI::App* command) { return "gradcam " + command->get_name(); };
  return "; " + internal::joined(commands, name_of) + (commands.size() == 1 ? " has" : " have") +
         " it";
}

/// Of the arguments that nothing took, the one to be told of, or "".
std::string told_of_rest(const CLI::App& app, const CLI::App& command) {
  std::vector<std::string> rest = command.remaining();
  std::erase(rest, "--");
  if (rest.empty()) return "";
  const auto option = std::ranges::find_if(
      rest, [](const std::string& argument) { return argument.starts_with('-'); });
  if (option == rest.end()) return internal::quote(rest.front()) + " is one argument too many";
  const std::string name = option->substr(0, option->find('='));
  const bool is_first = &command == &app;
  const std::string told = is_first ? "there is no option " + name + " in front of a command"
                                    : command.get_name() + " has no option " + name;
  const std::string others = who_has(app, name);
  const std::string program = is_first ? "gradcam" : "gradcam " + command.get_name();
  return told + (others.empty() ? "; " + program + " --help lists them" : others);
}

/// Refuses a list with nothing between two commas: the parser leaves that out, and takes the next
/// argument for the value if nothing is left.
void check_commas(const CLI::Option& option, const std::string& value) {
  if (option.get_delimiter() == '\0' || value.find(',') == std::string::npos) return;
  const std::string enclosed = "," + value + ",";
  if (enclosed.find(",,") == std::string::npos) return;
  throw CLI::ValidationError(option.get_name(),
                             "there is nothing before or after a comma in \"" + value + "\"");
}

}  // namespace

std::string fault_of(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<CLI::App*> called = app.get_subcommands();
  const CLI::App& command = called.empty() ? app : *called.front();
  const auto kind = static_cast<CLI::ExitCodes>(error.get_exit_code());
  if (kind == CLI::ExitCodes::ExtrasError || called.empty()) {
    for (const CLI::App* each : {&app, &command}) {
      if (std::string told = told_of_rest(app, *each); !told.empty()) return told;
    }
  }
  if (called.empty() && kind == CLI::ExitCodes::ValidationError) return error.what();
  if (called.empty()) {
    const auto name_of = [](const CLI::App* each) { return each->get_name(); };
    return "a command is expected: " + internal::joined(app.get_subcommands(nullptr), name_of) +
           "; gradcam --help tells of them";
  }
  // The parser's own sentences begin with the name of the option.
  const std::string said = error.what();
  const std::string name = said.substr(0, said.find_first_of(": "));
  const CLI::Option* option = command.get_option_no_throw(name);
  if (option == nullptr) return said;
  if (kind == CLI::ExitCodes::RequiredError)
    return name + " is missing: " + option->get_description();
  if (kind != CLI::ExitCodes::ArgumentMismatch) return said;
  return name + (said.ends_with("missing") ? ": a value is expected" : ": it is given twice");
}

int report_failure(const Error& error) {
  complain(error.message);
  return error.code == ErrorCode::kInvalidArgument ? kBadUsage : kSomeFailed;
}

void refuse_what_is_no_value(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands({})) {
    for (CLI::Option* option : command->get_options()) {
      const std::string type = option->get_type_name();
      const bool is_optional = option->get_default_str().empty();  // else "" is a wrong choice
      if (type.starts_with("UINT") || type.starts_with("INT")) option->transform(without_zeros);
      option->check([type, is_optional](const std::string& value) {
        if (value.empty() && is_optional) return std::string("it is given, but empty");
        return fault_of_value(type, value);
      });
    }
  }
}

CLI::Option* add_path_option(CLI::App& command, const std::string& name,
                             std::filesystem::path& path, const std::string& description) {
  const auto take = [&path](const std::string& value) { path = path_of(value); };
  return command.add_option_function<std::string>(name, take, description);
}

void add_model_option(CLI::App& command, std::filesystem::path& model) {
  add_path_option(command, "--model", model,
                  "A model file: safetensors, or of Keras, PyTorch or ONNX (default: the model "
                  "that comes with the program)");
}

void add_head_option(CLI::App& command, std::filesystem::path& head) {
  add_path_option(command, "--head", head,
                  "A last layer for that model, as gradcam finetune --head-only writes it");
}

void add_workers_option(CLI::App& command, std::size_t& workers) {
  command.add_option("--workers", workers, "How many threads divide the network among them")
      ->check(between(1, static_cast<double>(kMaxMembers)))
      ->capture_default_str();
}

CLI::Validator above_zero() {
  const auto fault = [](const std::string& value) {
    const bool is_above = std::strtod(value.c_str(), nullptr) > 0;
    return is_above ? std::string() : expected("a number above 0", value);
  };
  return {fault, ""};
}

CLI::Validator between(double least, double most) {
  std::ostringstream range;
  range << least << " to " << most;
  const auto fault = [least, most, range = range.str()](const std::string& value) {
    char* end = nullptr;
    const double number = std::strtod(value.c_str(), &end);
    const bool is_between = end != value.c_str() && *end == 0 && number >= least && number <= most;
    return is_between ? std::string() : expected("a number from " + range, value);
  };
  return {fault, range.str()};
}

CLI::Validator one_of(std::vector<std::string> names) {
  const std::string list = "{" + internal::joined(names, {}, ",") + "}";
  const auto find = [names = std::move(names)](std::string& value) {
    const auto found =
        std::ranges::find(names, internal::spelt_plainly(value), internal::spelt_plainly);
    if (found == names.end()) return expected("one of " + internal::joined(names), value);
    value = *found;
    return std::string();
  };
  return {find, list};
}

CLI::Option* with_commas(CLI::Option* list) {
  return list->delimiter(',')->expected(1)->take_all()->allow_extra_args(false);
}

std::vector<std::string> arguments_of(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const auto commands = app.get_subcommands([&](const CLI::App* command) {
    return !arguments.empty() && command->get_name() == arguments.front();
  });
  if (commands.empty()) return arguments;
  const auto end = std::ranges::find(arguments, "--");
  std::vector<std::string> apart = {arguments.front()};
  std::vector<std::string> names;
  for (auto it = arguments.begin() + 1; it != end; ++it) {
    const bool is_empty = it->starts_with("--") && it->ends_with('=');
    const std::string name = is_empty ? it->substr(0, it->size() - 1) : *it;
    const bool is_option = name.starts_with('-') && name != "-";
    const CLI::Option* option = is_option ? commands.front()->get_option_no_throw(name) : nullptr;
    const bool takes_value = option != nullptr && option->get_items_expected_max() > 0;
    // Which the parser is to complain of: it would take a "--" for the value.
    if (takes_value && !is_empty && it + 1 == end) return {arguments.front(), name};
    if (takes_value) {
      apart.insert(apart.end(), {name, is_empty ? "" : *++it});
      check_commas(*option, apart.back());
    } else {
      (is_option ? apart : names).push_back(*it);
    }
  }
  if (names.empty() && end == arguments.end()) return apart;
  apart.emplace_back("--");
  apart.insert(apart.end(), names.begin(), names.end());
  if (end != arguments.end()) apart.insert(apart.end(), end + 1, arguments.end());
  return apart;
}

bool output_has_arrived() {
  std::cout.flush();
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
}

}  // namespace gradcam
