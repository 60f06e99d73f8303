#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "gradcam/tensor/tensor.h"

namespace gradcam {

/// The input, [height, width, 3], with these pixels guessed from the others: each is the weighted
/// mean of the up to eight around it, be they guessed or not, in which those beside, above and
/// below it weigh twice as much as those at its corners; and noise of this standard deviation is
/// added to each channel of it ("noisy linear imputation", Rong et al., "A Consistent and Efficient
/// Evaluation Strategy for Attribution Methods", 2022, arXiv 2202.00449). A pixel's noise is always
/// the same. kInvalidArgument where no pixel is left to guess from.
Result<Tensor> impute(const Tensor& input, std::span<const std::size_t> pixels,
                      const std::array<float, 3>& noise);

}  // namespace gradcam
