#include <xnnpack.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "gradcam/kernels/conv3x3_implementations.h"
#include "gradcam/kernels/max_pool2x2.h"

namespace gradcam {
namespace {

Error xnnpack_error(const char* call, xnn_status status) {
  if (status == xnn_status_out_of_memory) {
    return {ErrorCode::kOutOfMemory, std::string("XNNPACK ran out of memory in ") + call};
  }
  return {ErrorCode::kInternal,
          std::string(call) + " of XNNPACK failed with status " + std::to_string(status)};
}

struct DeleteOperator {
  void operator()(xnn_operator_t op) const { xnn_delete_operator(op); }
};
using Operator = std::unique_ptr<xnn_operator, DeleteOperator>;

/// XNNPACK's convolution, followed by our max-pool.
class XnnpackConv3x3 final : public Conv3x3 {
 public:
  XnnpackConv3x3(const Conv3x3Spec& spec, Tensor weight, Operator op)
      : Conv3x3(spec), weight_(std::move(weight)), op_(std::move(op)) {}

  std::size_t workspace_floats(std::size_t height, std::size_t width) const override {
    return spec_.pool ? (spec_.output_rows(height) * width * spec_.out_channels + 15) / 16 * 16 : 0;
  }

  void unpack(float* weight) const override { std::ranges::copy(weight_.values(), weight); }

 private:
  Result<void> convolve(const float* input, std::size_t height, std::size_t width, float* output,
                        float* workspace, bool pool) const override {
    // An operator remembers the sizes and pointers of its run.
    const std::lock_guard lock(mutex_);
    std::size_t xnn_workspace = 0;
    std::size_t alignment = 0;
    std::size_t out_height = 0;
    std::size_t out_width = 0;
    xnn_status status = xnn_reshape_convolution2d_nhwc_f32(
        op_.get(), 1, height, width, &xnn_workspace, &alignment, &out_height, &out_width, nullptr);
    if (status != xnn_status_success) {
      return std::unexpected(xnnpack_error("xnn_reshape_convolution2d_nhwc_f32", status));
    }
    GRADCAM_TRY(const AlignedArray<char> scratch, allocate_array<char>(xnn_workspace));
    float* target = pool ? workspace : output;
    status = xnn_setup_convolution2d_nhwc_f32(op_.get(), scratch.get(), input, target);
    if (status != xnn_status_success) {
      return std::unexpected(xnnpack_error("xnn_setup_convolution2d_nhwc_f32", status));
    }
    status = xnn_run_operator(op_.get(), nullptr);
    if (status != xnn_status_success) {
      return std::unexpected(xnnpack_error("xnn_run_operator", status));
    }
    if (pool) max_pool2x2(workspace, out_height, width, spec_.out_channels, output);
    return {};
  }

  Tensor weight_;  // of what XNNPACK has packed, nobody knows the layout
  Operator op_;
  mutable std::mutex mutex_;
};

}  // namespace

Result<std::unique_ptr<Conv3x3>> make_xnnpack_conv3x3(const Conv3x3Spec& spec, const float* weight,
                                                      const float* bias) {
  xnn_status status = xnn_initialize(nullptr);
  if (status != xnn_status_success) {
    return std::unexpected(xnnpack_error("xnn_initialize", status));
  }
  constexpr float kInfinity = __builtin_inff();
  xnn_operator_t op = nullptr;
  status = xnn_create_convolution2d_nhwc_f32(
      static_cast<std::uint32_t>(spec.pad_top), /*padding right=*/1,
      static_cast<std::uint32_t>(spec.pad_bottom), /*padding left=*/1, 3, 3, 1, 1, 1, 1,
      /*groups=*/1, spec.in_channels, spec.out_channels,
      /*input_channel_stride=*/spec.in_channels, /*output_channel_stride=*/spec.out_channels,
      weight, bias, spec.relu ? 0.0f : -kInfinity, kInfinity, /*flags=*/0, nullptr, nullptr, &op);
  if (status != xnn_status_success) {
    return std::unexpected(xnnpack_error("xnn_create_convolution2d_nhwc_f32", status));
  }
  Operator owner(op);
  const std::size_t outputs = spec.out_channels;
  GRADCAM_TRY(Tensor kept, Tensor::from({outputs, 3, 3, spec.in_channels},
                                        {weight, outputs * 9 * spec.in_channels}));
  return std::make_unique<XnnpackConv3x3>(spec, std::move(kept), std::move(owner));
}

}  // namespace gradcam
