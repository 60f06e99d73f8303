#pragma once

/// Whether AddressSanitizer watches: then what computes for long is made shorter, as it takes ten
/// times as long, and memory is allocated in other ways.
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
