#include "kernels/conv3x3.h"

#include <array>
#include <string>

#include "kernels/conv3x3_implementations.h"

namespace gradcam {
namespace {

constexpr auto kAlgorithms = std::to_array<ConvAlgorithm>({
    ConvAlgorithm::kReference,
    ConvAlgorithm::kDirect,
    ConvAlgorithm::kWinograd,
#if defined(GRADCAM_WITH_XNNPACK)
    ConvAlgorithm::kXnnpack,
#endif
});

}  // namespace

std::string_view conv_algorithm_name(ConvAlgorithm algorithm) {
  switch (algorithm) {
    case ConvAlgorithm::kReference:
      return "reference";
    case ConvAlgorithm::kDirect:
      return "direct";
    case ConvAlgorithm::kWinograd:
      return "winograd";
    case ConvAlgorithm::kXnnpack:
      return "xnnpack";
  }
  return "";
}

std::span<const ConvAlgorithm> conv_algorithms() { return kAlgorithms; }

Result<ConvAlgorithm> find_conv_algorithm(std::string_view name) {
  std::string known;
  for (const ConvAlgorithm algorithm : kAlgorithms) {
    if (conv_algorithm_name(algorithm) == name) return algorithm;
    known += known.empty() ? "" : ", ";
    known += conv_algorithm_name(algorithm);
  }
  return fail(ErrorCode::kInvalidArgument, "no convolution algorithm is named \"" +
                                               std::string(name) + "\"; this build has " + known);
}

ConvAlgorithm default_conv_algorithm(std::size_t in_channels) {
#if defined(GRADCAM_WITH_XNNPACK) && !defined(__wasm__)
  (void)in_channels;
  return ConvAlgorithm::kXnnpack;
#else
  // Below this, Winograd's transforms cost more than its multiplications save.
  constexpr std::size_t kFewChannels = 8;
  return in_channels < kFewChannels ? ConvAlgorithm::kDirect : ConvAlgorithm::kWinograd;
#endif
}

Result<std::unique_ptr<Conv3x3>> make_conv3x3(ConvAlgorithm algorithm, const Conv3x3Spec& spec,
                                              const float* weight, const float* bias) {
  switch (algorithm) {
    case ConvAlgorithm::kReference:
      return make_reference_conv3x3(spec, weight, bias);
    case ConvAlgorithm::kDirect:
      return make_direct_conv3x3(spec, weight, bias);
    case ConvAlgorithm::kWinograd:
      return make_winograd_conv3x3(spec, weight, bias);
    case ConvAlgorithm::kXnnpack:
#if defined(GRADCAM_WITH_XNNPACK)
      return make_xnnpack_conv3x3(spec, weight, bias);
#else
      break;
#endif
  }
  return fail(ErrorCode::kInvalidArgument, "this build has no XNNPACK");
}

}  // namespace gradcam
