#include "support/data_path.h"

namespace gradcam::testing {

std::string data_path(std::string_view name) {
  return std::string(GRADCAM_TEST_DATA "/").append(name);
}

}  // namespace gradcam::testing
