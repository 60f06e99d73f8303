#pragma once

#include <cstddef>
#include <span>

#include "gradcam/vgg16/vgg16.h"

namespace gradcam::testing {

/// Vgg16::backward_to_fc1 from the logits of classes.
inline Result<Tensor> backward_to_fc1(const Vgg16& model, const Activations& activations,
                                      std::span<const std::size_t> classes) {
  GRADCAM_TRY(const Tensor seeds, model.class_seeds(classes));
  return model.backward_to_fc1(activations, seeds);
}

}  // namespace gradcam::testing
