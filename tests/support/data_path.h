#pragma once

#include <string>
#include <string_view>

namespace gradcam::testing {

/// Where a file of this project's folder tests is: "fixtures/x.png" -> ".../tests/fixtures/x.png".
std::string data_path(std::string_view name);

}  // namespace gradcam::testing
