#include "gradcam/import/script_value.h"

#include <span>

#include "gradcam/tensor/text.h"

namespace gradcam::internal {
namespace {

using ValueKind = ScriptValue::Kind;

}  // namespace

std::string to_text(const ScriptValue& value) {
  const auto number = [](std::optional<double> each) {
    if (!each) return std::string("?");
    std::string text = std::to_string(*each);
    text.erase(text.find_last_not_of('0') + 1);
    return text.ends_with('.') ? text.substr(0, text.size() - 1) : text;
  };
  constexpr std::size_t kMostShown = 4;
  if (value.kind == ValueKind::kNumber) return number(value.number);
  if (value.kind == ValueKind::kText) return quote(value.name);
  if (value.kind != ValueKind::kNumbers) return "?";
  const std::span numbers(value.numbers);
  return "[" + joined(numbers.first(std::min(kMostShown, numbers.size())), number) + "]";
}

}  // namespace gradcam::internal
