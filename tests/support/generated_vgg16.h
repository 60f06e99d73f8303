#pragma once

#include <cstddef>
#include <span>

#include "gradcam/tensor/tensor.h"
#include "gradcam/weights/safetensors.h"

/// VGG16 as published (224 pixels, full widths) with 15 classes and random weights, computed
/// instead of stored: 537 MB that never touch the disk. tests/oracle/full_vgg16.py computes the
/// same numbers, bit by bit.
namespace gradcam::testing {

/// What a file of it in canonical layout begins with, labels and preprocessing included.
Result<SafetensorsHeader> generated_vgg16_header();

/// Computes rows (output channels) `first`, `first + 1`, ... of a tensor of that header, as many
/// as fill `values`.
void generate_vgg16_rows(const SafetensorsHeader& header, std::size_t tensor, std::size_t first,
                         std::span<float> values);

/// The photo that goes with it, [224, 224, 3]: noise of mean 0 and variance 1.
Result<Tensor> generated_vgg16_input();

}  // namespace gradcam::testing
