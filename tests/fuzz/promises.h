#pragma once

#include <cstdlib>

#include "gradcam/tensor/error.h"

/// What fuzz targets check.
namespace gradcam {

inline void require(bool promise) {
  if (!promise) std::abort();
}

/// Whether there is a result; if there is none, a sentence must say why.
template <class T>
bool holds(const Result<T>& result) {
  if (!result) require(!result.error().message.empty() && result.error().message.size() < 1000);
  return result.has_value();
}

}  // namespace gradcam
