#pragma once

#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#ifndef __cpp_lib_expected
#error "gradcam needs std::expected: C++23 (-std=c++23) and a standard library that has it"
#endif

namespace gradcam {

/// What kind of thing went wrong; `error_code_name` gives the spelling used in JSON.
enum class ErrorCode {
  kInvalidArgument,    ///< The caller asked for something that does not exist or does not fit.
  kUnsupportedFormat,  ///< A known file format that this build cannot read.
  kCorruptImage,       ///< Bytes that are not, or only partly, an image.
  kImageTooLarge,      ///< An image beyond the decoding limits, refused by its header.
  kCorruptModel,       ///< A weights file that breaks its format or lacks tensors.
  kUnreadableFile,     ///< A file or folder that is missing or cannot be read or written.
  kOutOfMemory,        ///< An allocation failed.
  kCancelled,          ///< The caller stopped it.
  kInternal,           ///< A library underneath reported a failure that input cannot explain.
};

/// The machine-readable name: "invalid_argument", "corrupt_image", ...
constexpr std::string_view error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kUnsupportedFormat:
      return "unsupported_format";
    case ErrorCode::kCorruptImage:
      return "corrupt_image";
    case ErrorCode::kImageTooLarge:
      return "image_too_large";
    case ErrorCode::kCorruptModel:
      return "corrupt_model";
    case ErrorCode::kUnreadableFile:
      return "unreadable_file";
    case ErrorCode::kOutOfMemory:
      return "out_of_memory";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

/// An error is a value: a kind for programs and one plain sentence for people, saying what was
/// found and what was expected.
struct Error {
  ErrorCode code;
  std::string message;
};

/// Every fallible function of the library returns one; nothing aborts or prints, or throws but
/// `std::bad_alloc`, by the standard library. A `std::expected` that is not to be ignored.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
  // What std::expected's own functions give.
  Result(const std::expected<T, Error>& other) : std::expected<T, Error>(other) {}
  Result(std::expected<T, Error>&& other) : std::expected<T, Error>(std::move(other)) {}

  /// As std::expected's, which take no functions that give a class derived from it.
  template <class F>
  auto and_then(F&& next) & {
    return chain(*this, std::forward<F>(next));
  }
  template <class F>
  auto and_then(F&& next) const& {
    return chain(*this, std::forward<F>(next));
  }
  template <class F>
  auto and_then(F&& next) && {
    return chain(std::move(*this), std::forward<F>(next));
  }

 private:
  template <class Self, class F>
  static auto chain(Self&& self, F&& next) {
    const auto call = [&] {
      if constexpr (std::is_void_v<T>) {
        return std::invoke(std::forward<F>(next));
      } else {
        return std::invoke(std::forward<F>(next), *std::forward<Self>(self));
      }
    };
    using Next = decltype(call());
    return self ? call() : Next(std::unexpect, std::forward<Self>(self).error());
  }
};

/// Builds the error side of a `Result`.
inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

}  // namespace gradcam

#define GRADCAM_CONCAT_INNER(a, b) a##b
#define GRADCAM_CONCAT(a, b) GRADCAM_CONCAT_INNER(a, b)

/// `GRADCAM_TRY(auto x, f());` binds the value of a `Result` or returns its error.
#define GRADCAM_TRY(declaration, ...) \
  GRADCAM_TRY_INNER(GRADCAM_CONCAT(gradcam_result_, __LINE__), declaration, __VA_ARGS__)
#define GRADCAM_TRY_INNER(name, declaration, ...)             \
  auto name = (__VA_ARGS__);                                  \
  if (!name) return std::unexpected(std::move(name).error()); \
  declaration = *std::move(name)

/// `GRADCAM_CHECK_OK(f());` returns the error of a `Result<void>`, if it holds one.
#define GRADCAM_CHECK_OK(...) \
  GRADCAM_CHECK_OK_INNER(GRADCAM_CONCAT(gradcam_status_, __LINE__), __VA_ARGS__)
#define GRADCAM_CHECK_OK_INNER(name, ...)                                                  \
  do {                                                                                     \
    if (auto name = (__VA_ARGS__); !name) return std::unexpected(std::move(name).error()); \
  } while (false)
