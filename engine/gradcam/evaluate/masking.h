#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "gradcam/explain/heatmap.h"
#include "gradcam/tensor/tensor.h"
#include "gradcam/vgg16/vgg16.h"

/// Inputs with some of their pixels taken away, or put back: what the network is asked when a map
/// is to be tested. An input is [height, width, 3]; pixels are numbered row by row.
namespace gradcam {

/// The heat of each pixel of an input: a map, enlarged. kInvalidArgument for a map without values,
/// or with some that are not finite, and for what is no input.
Result<std::vector<float>> heat_of_pixels(const Heatmap& map, const Tensor& input);

/// The pixels by their heat, the hottest first. Equal ones follow one another in an order that is
/// random and always the same.
std::vector<std::size_t> hottest_first(std::span<const float> heat);

/// The first `step` of `steps` equal parts of the pixels in an order; steps > 0, step <= steps.
std::span<const std::size_t> first_pixels(std::span<const std::size_t> order, std::size_t step,
                                          std::size_t steps);

/// A Gaussian blur of 11 taps, standard deviation 5, much like RISE's (arXiv 1806.07421); edges are
/// repeated. kInvalidArgument for what is no input.
Result<Tensor> blur(const Tensor& input);

/// The input with these pixels of another one of its size. kInvalidArgument for one of another
/// size, and for pixels that an input does not have.
Result<Tensor> with_pixels(const Tensor& input, std::span<const std::size_t> pixels,
                           const Tensor& other);

/// The input, of three channels, with these pixels covered with a colour. kInvalidArgument for
/// pixels that it does not have.
Result<Tensor> cover(const Tensor& input, std::span<const std::size_t> pixels,
                     const std::array<float, 3>& colour);

/// A class's probability after each of some passes, by their logits, [passes, logits].
std::vector<double> probabilities_of(const Vgg16& model, std::size_t class_index,
                                     const Tensor& logits);

/// A curve from its first point over those between to its last one.
std::vector<double> curve_of(double first, std::span<const double> between, double last);

}  // namespace gradcam
