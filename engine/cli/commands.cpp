#include "cli/commands.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "cli/terminal.h"
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

}  // namespace

int report_failure(const Error& error) {
  complain(error.message);
  return error.code == ErrorCode::kInvalidArgument ? kBadUsage : kSomeFailed;
}

void refuse_what_is_no_value(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands({})) {
    for (CLI::Option* option : command->get_options()) {
      if (!option->nonpositional()) continue;
      const std::string type = option->get_type_name();
      const bool is_optional = option->get_default_str().empty();  // else "" is a wrong choice
      if (type.starts_with("UINT") || type.starts_with("INT")) option->transform(without_zeros);
      option->check([type, is_optional](const std::string& value) -> std::string {
        if (value.empty() && is_optional) return "it is given, but empty";
        if (type.starts_with("UINT") && value.starts_with('-')) return value + " is below 0";
        if (type.starts_with("FLOAT") && !std::isfinite(std::strtod(value.c_str(), nullptr))) {
          return value + " is no finite number";
        }
        return "";
      });
    }
  }
}

void add_model_option(CLI::App& command, std::string& model) {
  command.add_option("--model", model,
                     "A model file: safetensors, or of Keras, PyTorch or ONNX (default: the model "
                     "that comes with the program)");
}

void add_head_option(CLI::App& command, std::string& head) {
  command.add_option("--head", head,
                     "A last layer for that model, as gradcam finetune --head-only writes it");
}

void add_workers_option(CLI::App& command, std::size_t& workers) {
  command.add_option("--workers", workers, "How many threads divide the network among them")
      ->check(CLI::Range(std::size_t{1}, kMaxMembers))
      ->capture_default_str();
}

CLI::Validator above_zero() {
  const auto fault = [](const std::string& value) {
    return std::strtod(value.c_str(), nullptr) > 0 ? std::string() : value + " is not above 0";
  };
  return {fault, ""};
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
  std::vector<std::string> apart;
  for (auto it = arguments.begin(); it != end; ++it) {
    if (it->starts_with("--") && it->ends_with('=')) {
      const CLI::Option* option =
          commands.front()->get_option_no_throw(it->substr(0, it->size() - 1));
      if (option != nullptr && option->get_items_expected_max() > 0) {
        it->pop_back();
        apart.insert(apart.end(), {std::move(*it), ""});
        continue;
      }
    }
    apart.push_back(std::move(*it));
  }
  apart.insert(apart.end(), end, arguments.end());
  return apart;
}

bool output_has_arrived() {
  std::cout.flush();
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
}

}  // namespace gradcam
