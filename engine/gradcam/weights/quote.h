#pragma once

#include <string>
#include <string_view>

namespace gradcam::internal {

/// Text from an untrusted file, fit for a message: in double quotes, cut to 60 bytes at a UTF-8
/// boundary, control characters replaced.
std::string quote(std::string_view text);

}  // namespace gradcam::internal
