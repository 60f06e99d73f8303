#pragma once

/// Whether AddressSanitizer watches: then memory is allocated in other ways.
#if defined(__SANITIZE_ADDRESS__)
#define GRADCAM_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GRADCAM_SANITIZED 1
#endif
#endif
#if !defined(GRADCAM_SANITIZED)
#define GRADCAM_SANITIZED 0
#endif

namespace gradcam::testing {

/// Whether what computes for long takes several times as long as natively, under AddressSanitizer
/// ten times. Then fewer of the cases are tried of what is the same in every build.
#if GRADCAM_SANITIZED || defined(__EMSCRIPTEN__)
inline constexpr bool kIsSlow = true;
#else
inline constexpr bool kIsSlow = false;
#endif

}  // namespace gradcam::testing
