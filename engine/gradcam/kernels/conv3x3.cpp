#include "gradcam/kernels/conv3x3.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/kernels/conv3x3_implementations.h"
#include "gradcam/kernels/simd.h"
#include "gradcam/kernels/x86.h"
#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

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

using Make = Result<std::unique_ptr<Conv3x3>>(const Conv3x3Spec& spec, const float* weight,
                                              const float* bias);

struct Implementation {
  ConvAlgorithm algorithm;
  std::string_view name;
  Make* make;                             ///< null where this build has none
  bool (*runs_on_processor)() = nullptr;  ///< null: on each that this build is for
};

#if defined(GRADCAM_WITH_XNNPACK)
constexpr Make* kMakeXnnpack = make_xnnpack_conv3x3;
#else
constexpr Make* kMakeXnnpack = nullptr;
#endif
#if defined(__x86_64__)
constexpr Make* kMakeAvx2 = make_winograd_avx2_conv3x3;
constexpr auto kHasAvx2 = has_avx2;
#else
constexpr Make* kMakeAvx2 = nullptr;
constexpr bool (*kHasAvx2)() = nullptr;
#endif

/// As they are listed, the simplest first.
constexpr auto kImplementations = std::to_array<Implementation>({
    {ConvAlgorithm::kReference, "reference", make_reference_conv3x3},
    {ConvAlgorithm::kDirect, "direct", make_direct_conv3x3},
    {ConvAlgorithm::kXnnpack, "xnnpack", kMakeXnnpack},
    {ConvAlgorithm::kWinogradLean, "winograd_lean", make_lean_copy},
    {ConvAlgorithm::kWinograd, "winograd", make_winograd_conv3x3},
    {ConvAlgorithm::kWinogradAvx2, "winograd_avx2", kMakeAvx2, kHasAvx2},
});

const Implementation& implementation_of(ConvAlgorithm algorithm) {
  return *std::ranges::find(kImplementations, algorithm, &Implementation::algorithm);
}

bool runs_here(ConvAlgorithm algorithm) {
  return std::ranges::find(conv_algorithms(), algorithm) != conv_algorithms().end();
}

}  // namespace

std::string_view conv_algorithm_name(ConvAlgorithm algorithm) {
  return implementation_of(algorithm).name;
}

std::span<const ConvAlgorithm> conv_algorithms() {
  static const std::vector<ConvAlgorithm> all = [] {
    std::vector<ConvAlgorithm> found;
    for (const auto& [algorithm, name, make, runs_on_processor] : kImplementations) {
      const bool runs = runs_on_processor == nullptr || runs_on_processor();
      if (make != nullptr && runs) found.push_back(algorithm);
    }
    return found;
  }();
  return all;
}

Result<ConvAlgorithm> find_conv_algorithm(std::string_view name) {
  const auto found = std::ranges::find(conv_algorithms(), name, conv_algorithm_name);
  if (found != conv_algorithms().end()) return *found;
  return fail(ErrorCode::kInvalidArgument,
              "no convolution algorithm is named \"" + std::string(name) + "\"; this build has " +
                  internal::joined(conv_algorithms(), conv_algorithm_name));
}

ConvAlgorithm default_conv_algorithm(std::size_t in_channels) {
  // Below this, Winograd's transforms cost more than its multiplications save.
  constexpr std::size_t kFewChannels = 8;
  if (in_channels >= kFewChannels) {
    return runs_here(ConvAlgorithm::kWinogradAvx2) ? ConvAlgorithm::kWinogradAvx2
                                                   : ConvAlgorithm::kWinograd;
  }
#if !defined(__wasm__)
  if (runs_here(ConvAlgorithm::kXnnpack)) return ConvAlgorithm::kXnnpack;
#endif
  return ConvAlgorithm::kDirect;
}

Result<std::unique_ptr<Conv3x3>> make_conv3x3(ConvAlgorithm algorithm, const Conv3x3Spec& spec,
                                              const float* weight, const float* bias) {
  const Implementation& found = implementation_of(algorithm);
  if (runs_here(algorithm)) return found.make(spec, weight, bias);
  return fail(ErrorCode::kInvalidArgument,
              "the convolution algorithm " + std::string(found.name) + " does not run here");
}

}  // namespace gradcam
