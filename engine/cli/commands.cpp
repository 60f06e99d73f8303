#include "cli/commands.h"

#include <cstdio>
#include <iostream>

namespace gradcam {

int report_failure(const Error& error) {
  std::cout.flush();
  std::cerr << "gradcam: " << error.message << std::endl;
  return error.code == ErrorCode::kInvalidArgument ? kBadUsage : kSomeFailed;
}

bool output_has_arrived() {
  std::cout.flush();
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
}

}  // namespace gradcam
