#include "kernels/conv3x3.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "kernels/conv3x3_implementations.h"
#include "kernels/simd.h"
#include "kernels/winograd_kernels.h"

namespace gradcam {
namespace {

/// The last ones are not for every processor.
constexpr auto kAlgorithms = std::to_array<ConvAlgorithm>({
    ConvAlgorithm::kReference,
    ConvAlgorithm::kDirect,
#if defined(GRADCAM_WITH_XNNPACK)
    ConvAlgorithm::kXnnpack,
#endif
    ConvAlgorithm::kWinogradLean,
    ConvAlgorithm::kWinograd,
#if defined(__x86_64__)
    ConvAlgorithm::kWinogradAvx2,
#endif
});

/// With a copy of the weights.
Result<std::unique_ptr<Conv3x3>> make_lean_copy(const Conv3x3Spec& spec, const float* weight,
                                                const float* bias) {
  const std::size_t row = 9 * spec.in_channels;
  GRADCAM_TRY(Tensor copy,
              Tensor::from({spec.out_channels, row}, {weight, spec.out_channels * row}));
  const auto kept = std::make_shared<const Tensor>(std::move(copy));
  const auto expand = [kept](std::size_t output, std::size_t first, std::span<float> values) {
    simd::copy(kept->data() + output * kept->dim(1) + first, values.size(), values.data());
  };
  return make_lean_conv3x3(spec, expand, bias);
}

}  // namespace

std::string_view conv_algorithm_name(ConvAlgorithm algorithm) {
  switch (algorithm) {
    case ConvAlgorithm::kReference:
      return "reference";
    case ConvAlgorithm::kDirect:
      return "direct";
    case ConvAlgorithm::kXnnpack:
      return "xnnpack";
    case ConvAlgorithm::kWinogradLean:
      return "winograd_lean";
    case ConvAlgorithm::kWinograd:
      return "winograd";
    case ConvAlgorithm::kWinogradAvx2:
      return "winograd_avx2";
  }
  return "";
}

std::span<const ConvAlgorithm> conv_algorithms() {
  const std::span<const ConvAlgorithm> all = kAlgorithms;
#if defined(__x86_64__)
  static const bool has_avx2 = winograd::has_avx2();
  if (!has_avx2) return all.first(all.size() - 1);
#endif
  return all;
}

Result<ConvAlgorithm> find_conv_algorithm(std::string_view name) {
  std::string known;
  for (const ConvAlgorithm algorithm : conv_algorithms()) {
    if (conv_algorithm_name(algorithm) == name) return algorithm;
    known += known.empty() ? "" : ", ";
    known += conv_algorithm_name(algorithm);
  }
  return fail(ErrorCode::kInvalidArgument, "no convolution algorithm is named \"" +
                                               std::string(name) + "\"; this build has " + known);
}

ConvAlgorithm default_conv_algorithm(std::size_t in_channels) {
  // Below this, Winograd's transforms cost more than its multiplications save.
  constexpr std::size_t kFewChannels = 8;
  if (in_channels >= kFewChannels) return conv_algorithms().back();
#if defined(GRADCAM_WITH_XNNPACK) && !defined(__wasm__)
  return ConvAlgorithm::kXnnpack;
#else
  return ConvAlgorithm::kDirect;
#endif
}

Result<std::unique_ptr<Conv3x3>> make_conv3x3(ConvAlgorithm algorithm, const Conv3x3Spec& spec,
                                              const float* weight, const float* bias) {
  switch (algorithm) {
    case ConvAlgorithm::kReference:
      return make_reference_conv3x3(spec, weight, bias);
    case ConvAlgorithm::kDirect:
      return make_direct_conv3x3(spec, weight, bias);
    case ConvAlgorithm::kXnnpack:
#if defined(GRADCAM_WITH_XNNPACK)
      return make_xnnpack_conv3x3(spec, weight, bias);
#else
      break;
#endif
    case ConvAlgorithm::kWinogradLean:
      return make_lean_copy(spec, weight, bias);
    case ConvAlgorithm::kWinograd:
      return make_winograd_conv3x3(spec, weight, bias);
    case ConvAlgorithm::kWinogradAvx2:
#if defined(__x86_64__)
      if (algorithm == conv_algorithms().back()) {
        return make_winograd_avx2_conv3x3(spec, weight, bias);
      }
#endif
      break;
  }
  return fail(ErrorCode::kInvalidArgument, "the convolution algorithm " +
                                               std::string(conv_algorithm_name(algorithm)) +
                                               " does not run here");
}

}  // namespace gradcam
