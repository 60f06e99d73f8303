#pragma once

#include <memory>

#include "gradcam/kernels/conv3x3.h"

/// The constructors behind make_conv3x3, one for each algorithm.
namespace gradcam {

Result<std::unique_ptr<Conv3x3>> make_reference_conv3x3(const Conv3x3Spec& spec,
                                                        const float* weight, const float* bias);
Result<std::unique_ptr<Conv3x3>> make_direct_conv3x3(const Conv3x3Spec& spec, const float* weight,
                                                     const float* bias);
Result<std::unique_ptr<Conv3x3>> make_winograd_conv3x3(const Conv3x3Spec& spec, const float* weight,
                                                       const float* bias);
#if defined(__x86_64__)
/// Only where has_avx2().
Result<std::unique_ptr<Conv3x3>> make_winograd_avx2_conv3x3(const Conv3x3Spec& spec,
                                                            const float* weight, const float* bias);
#endif
#if defined(GRADCAM_WITH_XNNPACK)
Result<std::unique_ptr<Conv3x3>> make_xnnpack_conv3x3(const Conv3x3Spec& spec, const float* weight,
                                                      const float* bias);
#endif

}  // namespace gradcam
