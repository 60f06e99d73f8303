#include <algorithm>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/system.h"
#include "gradcam/tensor/text.h"

int main(int argc, char** argv) {
  gradcam::use_utf8();
  CLI::App app{
      "Names the breed of the dog in a photo, and shows where the network looked (Grad-CAM)."};
  app.name("gradcam");
  app.set_version_flag("--version", "gradcam " GRADCAM_VERSION);
  app.require_subcommand(1);
  app.allow_windows_style_options(false);  // "/photos/a.jpg" is a photo on Windows, too
  app.footer("Exit status: 0 all went well, 1 some inputs failed, 2 bad usage.");
  int exit_code = gradcam::kOk;
  gradcam::add_explain(app, exit_code);
  gradcam::add_info(app, exit_code);
  gradcam::add_evaluate(app, exit_code);
  gradcam::add_convert(app, exit_code);
  gradcam::add_finetune(app, exit_code);
  gradcam::add_bench(app, exit_code);
  gradcam::refuse_what_is_no_value(app);
  const std::vector<CLI::App*> commands = app.get_subcommands({});
  const auto is_called = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
  if (argc > 1 && argv[1][0] != '-' && std::ranges::none_of(commands, is_called)) {
    const auto name_of = [](const CLI::App* command) { return command->get_name(); };
    return gradcam::report_failure(
        {gradcam::ErrorCode::kInvalidArgument, "there is no command \"" + std::string(argv[1]) +
                                                   "\"; there are " +
                                                   gradcam::internal::joined(commands, name_of)});
  }
  try {
    std::vector<std::string> arguments = gradcam::arguments_of(app, argc, argv);
    std::ranges::reverse(arguments);  // as the parser takes them
    app.parse(std::move(arguments));
  } catch (const CLI::Success& asked) {  // for --help or --version
    app.exit(asked);
  } catch (const CLI::ParseError& error) {
    return gradcam::report_failure(
        {gradcam::ErrorCode::kInvalidArgument, gradcam::fault_of(app, error)});
  } catch (const std::bad_alloc&) {
    return gradcam::report_failure(
        {gradcam::ErrorCode::kOutOfMemory, "there is not enough memory for it"});
  }
  if (!gradcam::output_has_arrived()) {
    exit_code = gradcam::report_failure(
        {gradcam::ErrorCode::kUnreadableFile, "what was found cannot be written to the output"});
  }
  return exit_code;
}
