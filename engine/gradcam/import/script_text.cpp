#include "gradcam/import/script_text.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace gradcam::internal {
namespace {

constexpr std::size_t kMostScriptName = 200;

// Whatever the locale.
bool begins_number(char c) { return c >= '0' && c <= '9'; }
bool is_of_name(char c) {
  return begins_number(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// The token that a text begins with; none at its end, or where a quote is not closed.
ScriptToken token_of(std::string_view text) {
  std::size_t end = 1;
  const char first = text[0];
  if (first == '"' || first == '\'') {
    while (end < text.size() && text[end] != first) end += text[end] == '\\' ? 2 : 1;
    if (end >= text.size()) return {};
    return {ScriptToken::Kind::kText, text.substr(1, end - 1)};
  }
  if (begins_number(first)) {
    while (end < text.size() &&
           (is_of_name(text[end]) || text[end] == '.' ||
            ((text[end] == '-' || text[end] == '+') && text[end - 1] == 'e'))) {
      ++end;
    }
    return {ScriptToken::Kind::kNumber, text.substr(0, end)};
  }
  if (!is_of_name(first)) return {ScriptToken::Kind::kSign, text.substr(0, 1)};
  while (end < text.size() && is_of_name(text[end])) ++end;
  return {ScriptToken::Kind::kName, text.substr(0, end)};
}

}  // namespace

std::optional<double> number_of(const ScriptToken& token) {
  // Whatever the locale.
  const std::string_view text = token.text;
  double mantissa = 0;
  int exponent = 0;
  std::size_t at = 0;
  const auto is_digit = [&] { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
  for (; is_digit(); ++at) mantissa = 10 * mantissa + (text[at] - '0');
  if (at < text.size() && text[at] == '.') {
    for (++at; is_digit(); ++at, --exponent) mantissa = 10 * mantissa + (text[at] - '0');
  }
  if (at < text.size() && text[at] == 'e') {
    ++at;
    const bool is_negative = at < text.size() && text[at] == '-';
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    int written = 0;
    constexpr int kMostExponent = 1000;
    for (; is_digit(); ++at) written = std::min(kMostExponent, 10 * written + (text[at] - '0'));
    exponent += is_negative ? -written : written;
  }
  const double number = mantissa * std::pow(10.0, exponent);
  if (at < text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

Result<ScriptText> ScriptText::read(std::string text) {
  ScriptText script;
  script.text_.assign(text.begin(), text.end());
  const std::string_view all(script.text_.data(), script.text_.size());
  std::size_t open = 0;  // brackets
  std::size_t line_begin = 0;
  bool is_new_line = true;
  for (std::size_t at = 0; at < all.size();) {
    const char c = all[at];
    if (c == '\n' && open == 0) {
      line_begin = at + 1;
      is_new_line = true;
    }
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
      ++at;
      continue;
    }
    const ScriptToken token = token_of(all.substr(at));
    if (token.text.data() == nullptr) {
      return fail(ErrorCode::kCorruptModel, "the code in its archive is damaged");
    }
    if (token.is("(") || token.is("[") || token.is("{")) ++open;
    if (open > 0 && (token.is(")") || token.is("]") || token.is("}"))) --open;
    if (is_new_line) {
      script.lines_.push_back(
          {.indent = at - line_begin, .first = script.tokens_.size(), .end = 0});
      is_new_line = false;
    }
    script.tokens_.push_back(token);
    script.lines_.back().end = script.tokens_.size();
    at = static_cast<std::size_t>(token.text.data() - all.data()) + token.text.size() +
         (token.kind == ScriptToken::Kind::kText ? 1 : 0);
  }
  std::string_view class_name;
  for (std::size_t i = 0; i < script.lines_.size(); ++i) {
    const ScriptLine& line = script.lines_[i];
    if (line.end - line.first < 2) continue;
    const ScriptToken& first = script.tokens_[line.first];
    const ScriptToken& name = script.tokens_[line.first + 1];
    if (name.text.size() > kMostScriptName) continue;
    script.has_hooks_ =
        script.has_hooks_ || first.is("__forward_hooks__") || first.is("__forward_pre_hooks__");
    if (first.is("class")) class_name = name.text;
    if (first.is("def")) {
      script.methods_.emplace(std::string(class_name) + "." + std::string(name.text), i);
    }
  }
  return script;
}

const ScriptLine* ScriptText::find(std::string_view method) const {
  const auto found = methods_.find(method);
  return found == methods_.end() ? nullptr : &lines_[found->second];
}

}  // namespace gradcam::internal
