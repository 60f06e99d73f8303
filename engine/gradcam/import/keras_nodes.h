#pragma once

#include <string>
#include <vector>

#include "gradcam/import/foreign.h"
#include "gradcam/tensor/json.h"

/// The JSON in which a model of Keras describes its layers, and what each of them is given.
namespace gradcam {

/// A text of an object; "" if it has none of that name.
std::string text_of(const internal::UntrustedJson& json, const char* key);

/// A member of an object; null if it has none of that name.
const internal::UntrustedJson& member(const internal::UntrustedJson& json, const char* key);

/// The layers of a model, whose first versions had them as their whole config; no array for what
/// is none.
const internal::UntrustedJson& layers_of(const internal::UntrustedJson& model);

/// A part of what a layer is given: what another layer gives, or a number, or several.
struct KerasOperand {
  std::string layer;  ///< "" where it is a constant
  const internal::UntrustedJson* constant = nullptr;
};

/// What a layer is given, in order; nothing in a Sequential, where it is what the layer before it
/// gives. kUnsupportedFormat, naming it, for a layer that is used several times.
Result<std::vector<KerasOperand>> operands_of(const internal::UntrustedJson& layer,
                                              const std::string& name);

}  // namespace gradcam
