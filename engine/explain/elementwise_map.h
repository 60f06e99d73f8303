#pragma once

#include <string>
#include <vector>

#include "explain/heatmap.h"
#include "tensor/tensor.h"

namespace gradcam {

/// An error unless activation and gradient are both [H, W, C].
inline Result<void> check_cam_inputs(const Tensor& activation, const Tensor& gradient) {
  if (activation.rank() == 3 && activation.shape() == gradient.shape()) return {};
  return fail(ErrorCode::kInvalidArgument, "activations of shape " + to_string(activation.shape()) +
                                               " cannot have a gradient of shape " +
                                               to_string(gradient.shape()));
}

/// The shape of the methods that need no channel weights: ReLU(sum_k term(g, A)) for each cell.
template <class Term>
Result<Heatmap> elementwise_map(const Tensor& activation, const Tensor& gradient, Term&& term) {
  GRADCAM_CHECK_OK(check_cam_inputs(activation, gradient));
  std::vector<double> raw(activation.dim(0) * activation.dim(1));
  const float* a = activation.data();
  const float* g = gradient.data();
  for (double& cell : raw) {
    for (std::size_t c = 0; c < activation.dim(2); ++c) cell += term(double{*g++}, double{*a++});
  }
  return make_heatmap(activation.dim(0), activation.dim(1), raw);
}

}  // namespace gradcam
