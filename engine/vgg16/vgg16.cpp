#include "vgg16/vgg16.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "layers/conv2d.h"
#include "layers/max_pool.h"
#include "layers/relu.h"
#include "layers/softmax.h"

namespace gradcam {
namespace {

/// Applies one layer's ReLU mask to the gradients of several classes.
void relu_backward_rows(const Tensor& output, Tensor& gradients) {
  for (std::size_t row = 0; row < gradients.dim(0); ++row) {
    relu_backward(output.values(), gradients.values().subspan(row * output.size(), output.size()));
  }
}

}  // namespace

Vgg16::Vgg16(ModelInfo info, std::array<Conv, kConvLayers> conv, Dense fc1, Dense fc1_sums,
             Dense fc2, Dense predictions)
    : info_(std::move(info)),
      conv_(std::move(conv)),
      fc1_(std::move(fc1)),
      fc1_sums_(std::move(fc1_sums)),
      fc2_(std::move(fc2)),
      predictions_(std::move(predictions)) {}

Result<Activations> Vgg16::make_activations() const {
  Activations activations;
  auto side = static_cast<std::size_t>(info_.preprocess.size);
  std::size_t workspace = 0;
  for (std::size_t i = 0; i < kConvLayers; ++i) {
    const Conv& conv = conv_[i];
    workspace = std::max(workspace, conv.kernel->workspace_floats(side, side));
    if (conv.spec.pool) side /= 2;
    GRADCAM_TRY(activations.conv[i], Tensor::zeros({side, side, conv.spec.out_channels}));
  }
  const std::size_t channels = conv_.back().spec.out_channels;
  GRADCAM_TRY(activations.block5_pool, Tensor::zeros({side / 2, side / 2, channels}));
  GRADCAM_TRY(activations.fc1, Tensor::zeros({fc1_.outputs()}));
  GRADCAM_TRY(activations.fc2, Tensor::zeros({fc2_.outputs()}));
  GRADCAM_TRY(activations.logits, Tensor::zeros({predictions_.outputs()}));
  GRADCAM_TRY(activations.workspace, Tensor::zeros({workspace}));
  return activations;
}

Result<void> Vgg16::forward(const Tensor& input, Activations& activations) const {
  const Tensor* x = &input;
  for (std::size_t i = 0; i < kConvLayers; ++i) {
    GRADCAM_CHECK_OK(conv2d_forward(*conv_[i].kernel, conv_[i].spec, *x, activations.conv[i],
                                    activations.workspace));
    x = &activations.conv[i];
  }
  GRADCAM_CHECK_OK(max_pool_forward(*x, activations.block5_pool));
  GRADCAM_CHECK_OK(fc1_.forward(activations.block5_pool, activations.fc1));
  relu_forward(activations.fc1.values());
  GRADCAM_CHECK_OK(fc2_.forward(activations.fc1, activations.fc2));
  relu_forward(activations.fc2.values());
  GRADCAM_CHECK_OK(predictions_.forward(activations.fc2, activations.logits));
  if (!std::ranges::all_of(activations.logits.values(),
                           [](float logit) { return std::isfinite(logit); })) {
    return fail(ErrorCode::kCorruptModel,
                "the network's logits are not finite: the model's weights make it overflow");
  }
  return {};
}

std::vector<Prediction> Vgg16::predictions(const Activations& activations) const {
  const auto logits = activations.logits.values();
  std::vector<float> probabilities(logits.size());
  softmax_forward(logits, info_.metadata.temperature, probabilities);
  std::vector<Prediction> result;
  result.reserve(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    result.push_back({i, probabilities[i], logits[i]});
  }
  std::ranges::sort(result, [](const Prediction& a, const Prediction& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.index < b.index;
  });
  return result;
}

Result<Tensor> Vgg16::backward_to_fc1(const Activations& activations,
                                      std::span<const std::size_t> classes) const {
  GRADCAM_TRY(Tensor seed, Tensor::zeros({classes.size(), this->classes()}));
  for (std::size_t row = 0; row < classes.size(); ++row) {
    if (classes[row] >= this->classes()) {
      return fail(ErrorCode::kInvalidArgument,
                  "class " + std::to_string(classes[row]) + " does not exist; the model has " +
                      std::to_string(this->classes()) + " classes, counted from 0");
    }
    seed.data()[row * this->classes() + classes[row]] = 1;
  }
  GRADCAM_TRY(Tensor fc2_gradient, predictions_.backward(seed));
  relu_backward_rows(activations.fc2, fc2_gradient);
  GRADCAM_TRY(Tensor fc1_gradient, fc2_.backward(fc2_gradient));
  relu_backward_rows(activations.fc1, fc1_gradient);
  return fc1_gradient;
}

Result<Tensor> Vgg16::backward_to_block5_pool(const Tensor& fc1_gradient) const {
  GRADCAM_TRY(Tensor gradient, fc1_.backward(fc1_gradient));
  const std::size_t side = static_cast<std::size_t>(info_.preprocess.size) / kTotalStride;
  const std::size_t channels = conv_.back().spec.out_channels;
  GRADCAM_CHECK_OK(gradient.reshape({gradient.dim(0), side, side, channels}));
  return gradient;
}

Result<Tensor> Vgg16::backward_to_block5_pool_sums(const Tensor& fc1_gradient) const {
  return fc1_sums_.backward(fc1_gradient);
}

Result<Tensor> Vgg16::backward_to_block5_conv3(const Activations& activations,
                                               const Tensor& pool_gradient) const {
  return max_pool_backward(activations.block5_conv3(), pool_gradient);
}

}  // namespace gradcam
