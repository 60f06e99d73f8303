#pragma once

#include <cstddef>
#include <functional>
#include <ranges>
#include <string>
#include <string_view>

/// Names that people type, and texts of messages.
namespace gradcam::internal {

/// A name without what spellings of it may differ in: small letters (of ASCII), and "_" for each
/// "_", "-" or " " between its words.
std::string spelt_plainly(std::string_view name);

/// "a, b, c" of things that are, or by `name` become, texts.
template <std::ranges::input_range Range, class Name = std::identity>
std::string joined(Range&& range, Name name = {}, std::string_view between = ", ") {
  std::string text;
  bool is_first = true;
  for (auto&& each : range) {
    if (!is_first) text += between;
    text += std::invoke(name, each);
    is_first = false;
  }
  return text;
}

/// A text from a file without the mark that programs on Windows put in front of UTF-8.
std::string_view without_byte_order_mark(std::string_view text);

/// The beginning of a UTF-8 text, of so many bytes at most, without a part of a character.
std::string_view beginning_of(std::string_view text, std::size_t most);

/// Text from an untrusted file, fit for a message: in double quotes, cut to 60 bytes at a UTF-8
/// boundary, control characters replaced.
std::string quote(std::string_view text);

}  // namespace gradcam::internal
