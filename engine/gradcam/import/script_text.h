#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gradcam/tensor/error.h"

/// The source texts in archives of TorchScript. Private to this room.
namespace gradcam::internal {

/// A word of a text.
struct ScriptToken {
  enum class Kind {
    kName,
    kNumber,
    kText,  ///< without its quotes
    kSign,  ///< one character
  };
  Kind kind = Kind::kSign;
  std::string_view text;

  bool is(std::string_view sign) const { return kind != Kind::kText && text == sign; }
};

/// Of a kNumber its value; nothing if it is none as Python writes it.
std::optional<double> number_of(const ScriptToken& token);

/// A line of a text, which goes on where brackets are open.
struct ScriptLine {
  std::size_t indent = 0;
  std::size_t first = 0;  ///< of its tokens
  std::size_t end = 0;
};

/// A text of TorchScript, which is Python in the one way in which PyTorch writes it.
class ScriptText {
 public:
  /// kCorruptModel for what is no such text.
  static Result<ScriptText> read(std::string text);

  const std::vector<ScriptToken>& tokens() const { return tokens_; }
  const std::vector<ScriptLine>& lines() const { return lines_; }

  /// The line that begins a method, "Conv2d.forward" say; nullptr if there is none.
  const ScriptLine* find(std::string_view method) const;

  /// Whether a class calls others of its methods before or behind "forward".
  bool has_hooks() const { return has_hooks_; }

  // Tokens point into the text.
  ScriptText(const ScriptText&) = delete;
  ScriptText& operator=(const ScriptText&) = delete;
  ScriptText(ScriptText&&) = default;
  ScriptText& operator=(ScriptText&&) = default;

 private:
  ScriptText() = default;

  std::vector<char> text_;  // which a move leaves where it is
  std::vector<ScriptToken> tokens_;
  std::vector<ScriptLine> lines_;
  std::map<std::string, std::size_t, std::less<>> methods_;
  bool has_hooks_ = false;
};

/// Words of a line that are read one after another.
struct ScriptWords {
  const ScriptText* text = nullptr;
  std::size_t at = 0;
  std::size_t end = 0;

  bool at_end() const { return at >= end; }
  bool is(std::string_view sign) const { return !at_end() && text->tokens()[at].is(sign); }
  bool is_name() const { return !at_end() && text->tokens()[at].kind == ScriptToken::Kind::kName; }
  /// There must be one.
  const ScriptToken& next() { return text->tokens()[at++]; }
  /// Whether it is the next one, which is taken then.
  bool take(std::string_view sign) {
    const bool is_next = is(sign);
    if (is_next) ++at;
    return is_next;
  }
};

}  // namespace gradcam::internal
