#pragma once

#include "gradcam/image/bytes.h"
#include "gradcam/tensor/error.h"

namespace gradcam::internal {

/// Whether `decode_image` reads the format that `sniff_format` names.
bool is_decodable(std::string_view format);

/// The error for bytes that `decode_image` does not read: what they are and what to do.
Error undecodable(Bytes bytes);

}  // namespace gradcam::internal
