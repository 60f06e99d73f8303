#include "gradcam/import/script_reader.h"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gradcam/import/foreign.h"
#include "gradcam/import/script_place.h"
#include "gradcam/import/script_text.h"
#include "gradcam/import/script_value.h"
#include "gradcam/tensor/text.h"

namespace gradcam::internal {
namespace {

using ValueKind = ScriptValue::Kind;
using Arguments = ScriptArguments;
using Variables = std::map<std::string_view, ScriptValue>;

/// The line behind the block that begins with one, which is indented more than `indent`.
std::size_t end_of_block(const ScriptText& text, std::size_t first, std::size_t indent) {
  while (first < text.lines().size() && text.lines()[first].indent > indent) ++first;
  return first;
}

/// Whether a block does nothing but to end in an error.
bool raises(const ScriptText& text, std::size_t first, std::size_t end) {
  if (first == end) return false;
  const ScriptLine& last = text.lines()[end - 1];
  if (last.indent != text.lines()[first].indent || last.end - last.first < 5) return false;
  return text.tokens()[last.first].is("ops") && text.tokens()[last.first + 2].is("prim") &&
         text.tokens()[last.first + 4].is("RaiseException");
}

/// A function or a type by its name.
Result<ScriptValue> function_named(std::string name) {
  constexpr std::size_t kMostFunctionName = 200;
  if (name.size() > kMostFunctionName) return ScriptPlace::damaged();
  return ScriptValue{.kind = ValueKind::kFunction, .name = std::move(name)};
}

/// Follows the code from the photo on.
class ScriptReader {
 public:
  /// Both must outlive it.
  ScriptReader(const Pickle& pickle, const ReadScript& read) : modules_(pickle, read, place_) {}

  Result<std::vector<ScriptStep>> read() {
    GRADCAM_TRY(const ScriptValue logits,
                call_method(modules_.model(), "forward", {{ScriptValue::photo(0)}, {}}));
    if (logits == ScriptValue::photo(steps_.size())) return std::move(steps_).take();
    return place_.unlike("gives something else than one list of logits");
  }

 private:
  // Methods

  Result<ScriptValue> call_method(const ScriptValue& module, std::string_view name,
                                  Arguments arguments) {
    const ScriptPlace::Nesting nesting(place_);
    GRADCAM_CHECK_OK(place_.look_at(1));
    GRADCAM_TRY(const ScriptModules::Method method, modules_.method(module, name));
    const auto& [text, line] = method;
    std::string caller = std::exchange(place_.module, module.name);
    arguments.values.insert(arguments.values.begin(), module);
    GRADCAM_TRY(Variables variables, parameters(text, line, std::move(arguments)));
    const auto first = static_cast<std::size_t>(&line - text.lines().data()) + 1;
    GRADCAM_TRY(auto returned, run(text, first, line.indent, variables));
    place_.module = std::move(caller);
    return returned.value_or(ScriptValue::none());
  }

  /// def forward(self: X, input: Tensor, flag: bool=False) -> Tensor:
  Result<Variables> parameters(const ScriptText& text, const ScriptLine& line,
                               Arguments arguments) {
    GRADCAM_CHECK_OK(place_.look_at(line.end - line.first));
    Variables variables;
    ScriptWords words{&text, line.first + 2, line.end};
    if (!words.take("(")) return ScriptPlace::damaged();
    for (std::size_t i = 0; !words.at_end() && !words.is(")"); ++i) {
      const std::string_view name = words.next().text;
      std::size_t open = 0;  // brackets of a type
      for (; !words.at_end(); ++words.at) {
        if (open == 0 && (words.is(",") || words.is(")") || words.is("="))) break;
        if (words.is("[") || words.is("(")) ++open;
        if (words.is("]") || words.is(")")) --open;
      }
      ScriptValue value;
      if (words.take("=")) {
        Variables none;
        GRADCAM_TRY(value, evaluate(words, none));
      }
      if (arguments.has(i)) value = std::move(arguments.values[i]);
      variables.insert_or_assign(name, std::move(value));
      words.take(",");
    }
    return variables;
  }

  // Statements

  /// Runs a block; what it returns, if it does.
  Result<std::optional<ScriptValue>> run(const ScriptText& text, std::size_t first,
                                         std::size_t indent, Variables& variables) {
    const ScriptPlace::Nesting nesting(place_);
    const std::size_t end = end_of_block(text, first, indent);
    GRADCAM_CHECK_OK(place_.look_at(end - first));
    while (first < end) {
      const ScriptLine& line = text.lines()[first];
      ScriptWords words{&text, line.first, line.end};
      if (words.take("if")) {
        GRADCAM_TRY(auto returned, branch(words, first, line.indent, variables));
        if (returned) return returned;
        continue;
      }
      ++first;
      if (words.take("pass")) continue;
      if (words.is("for") || words.is("while")) return place_.not_understood("has a loop");
      if (words.take("return")) {
        GRADCAM_TRY(ScriptValue value, evaluate_all(words, variables));
        return value;
      }
      GRADCAM_CHECK_OK(assign(words, variables));
    }
    return std::nullopt;
  }

  /// Runs what is behind an `if`, or its `else`; `first` becomes the line behind both.
  Result<std::optional<ScriptValue>> branch(ScriptWords words, std::size_t& first,
                                            std::size_t indent, Variables& variables) {
    const ScriptText& text = *words.text;
    GRADCAM_TRY(const ScriptValue condition, evaluate(words, variables));
    if (!words.take(":")) return ScriptPlace::damaged();
    const std::size_t then = first + 1;
    const std::size_t middle = end_of_block(text, then, indent);
    std::size_t otherwise = middle;
    first = middle;
    if (middle < text.lines().size() && text.lines()[middle].indent == indent &&
        text.tokens()[text.lines()[middle].first].is("else")) {
      otherwise = middle + 1;
      first = end_of_block(text, otherwise, indent);
    }
    GRADCAM_CHECK_OK(place_.look_at(first - then));
    bool is_then = condition.kind == ValueKind::kNumber && condition.number != 0;
    if (condition.kind != ValueKind::kNumber) {
      // What is checked is taken to be as it should.
      is_then = !raises(text, then, middle);
      if (is_then && !raises(text, otherwise, first)) {
        return run_both(text, then, otherwise, indent, variables);
      }
    }
    return run(text, is_then ? then : otherwise, indent, variables);
  }

  /// Runs two blocks, of which one is run where it is not known which: they may do nothing to the
  /// photo.
  Result<std::optional<ScriptValue>> run_both(const ScriptText& text, std::size_t then,
                                              std::size_t otherwise, std::size_t indent,
                                              Variables& variables) {
    GRADCAM_CHECK_OK(place_.look_at(2 * variables.size()));
    const std::size_t before = steps_.size();
    Variables others = variables;
    GRADCAM_TRY(const auto returned, run(text, then, indent, variables));
    GRADCAM_TRY(const auto other_returned, run(text, otherwise, indent, others));
    if (returned || other_returned || steps_.size() != before) {
      return place_.not_understood("depends on what is known only as it runs");
    }
    for (auto& [name, value] : variables) {
      if (others[name] != value) value = {};
    }
    return std::nullopt;
  }

  /// name = value; name: type = value; a, b, = value; or a value alone
  Result<void> assign(ScriptWords words, Variables& variables) {
    GRADCAM_CHECK_OK(place_.look_at(words.end - words.at));
    std::vector<std::string_view> names;
    ScriptWords ahead = words;
    while (ahead.is_name()) {
      names.push_back(ahead.next().text);
      if (!ahead.take(",")) break;
    }
    if (names.size() == 1 && ahead.is(":")) {
      while (!ahead.at_end() && !ahead.is("=")) ++ahead.at;
    }
    const bool is_assignment = !names.empty() && ahead.take("=");
    if (is_assignment) words = ahead;
    GRADCAM_TRY(ScriptValue value, evaluate_all(words, variables));
    if (!is_assignment) return {};
    if (names.size() == 1) {
      variables.insert_or_assign(names[0], std::move(value));
    } else if (value.has_tensor()) {
      return place_.not_understood("takes several tensors apart");
    } else {
      for (const std::string_view name : names) variables.insert_or_assign(name, ScriptValue());
    }
    return {};
  }

  // Expressions

  Result<ScriptValue> evaluate_all(ScriptWords words, Variables& variables) {
    GRADCAM_TRY(ScriptValue value, evaluate(words, variables));
    if (words.at_end()) return value;
    return place_.not_understood("goes on with " + quote(words.next().text));
  }

  Result<ScriptValue> evaluate(ScriptWords& words, Variables& variables) {
    const ScriptPlace::Nesting nesting(place_);
    GRADCAM_CHECK_OK(place_.look_at(1));
    GRADCAM_TRY(ScriptValue value, first_of(words, variables));
    while (true) {
      GRADCAM_CHECK_OK(place_.look_at(1));
      if (words.take(".")) {
        if (words.at_end()) return ScriptPlace::damaged();
        const std::string_view name = words.next().text;
        if (value.kind == ValueKind::kModule && words.take("(")) {
          GRADCAM_TRY(Arguments arguments, arguments_of(words, variables));
          GRADCAM_TRY(value, call_method(value, name, std::move(arguments)));
        } else {
          GRADCAM_TRY(value, member(value, name));
        }
      } else if (words.take("(")) {
        GRADCAM_TRY(const Arguments arguments, arguments_of(words, variables));
        GRADCAM_TRY(value, call(value, arguments));
      } else if (words.take("[")) {
        GRADCAM_TRY(const ScriptValue index, list_of(words, "]", variables));
        if (value.has_tensor()) return place_.not_understood("takes a part of a tensor");
        if (value.kind != ValueKind::kFunction) value = {};
      } else {
        return value;
      }
    }
  }

  /// What an expression begins with.
  Result<ScriptValue> first_of(ScriptWords& words, Variables& variables) {
    if (words.at_end()) return ScriptPlace::damaged();
    const ScriptToken token = words.next();
    if (token.kind == ScriptToken::Kind::kText) {
      return ScriptValue{.kind = ValueKind::kText,
                         .name = std::string(beginning_of(token.text, ScriptValue::kMostName))};
    }
    if (token.kind == ScriptToken::Kind::kNumber) {
      const auto number = number_of(token);
      return number ? ScriptValue::of(*number) : ScriptValue();
    }
    if (token.is("(")) return list_of(words, ")", variables);
    if (token.is("[")) return list_of(words, "]", variables);
    if (token.is("-")) {
      GRADCAM_TRY(const ScriptValue value, evaluate(words, variables));
      return value.kind == ValueKind::kNumber ? ScriptValue::of(-value.number) : ScriptValue();
    }
    if (token.kind != ScriptToken::Kind::kName) {
      return place_.not_understood("has " + quote(token.text));
    }
    if (token.is("None")) return ScriptValue::none();
    if (token.is("True")) return ScriptValue::of(1);
    if (token.is("False")) return ScriptValue::of(0);
    const auto variable = variables.find(token.text);
    if (variable == variables.end()) return function_named(std::string(token.text));
    const ScriptValue& value = variable->second;
    GRADCAM_CHECK_OK(place_.look_at(value.numbers.size() + value.name.size() / 8));
    return value;
  }

  /// What is in brackets: a list, a tuple, or a value alone.
  Result<ScriptValue> list_of(ScriptWords& words, std::string_view end, Variables& variables) {
    ScriptValue list{.kind = ValueKind::kNumbers};
    bool has_comma = end == "]";
    while (!words.take(end)) {
      GRADCAM_TRY(ScriptValue value, evaluate(words, variables));
      const bool is_last = !words.take(",");
      if (is_last && !has_comma) {
        if (!words.take(end)) return ScriptPlace::damaged();
        return value;
      }
      has_comma = true;
      if (value.has_tensor()) list.kind = ValueKind::kSeveral;
      list.numbers.push_back(value.kind == ValueKind::kNumber ? std::optional(value.number)
                                                              : std::nullopt);
      if (is_last && !words.is(end)) return ScriptPlace::damaged();
    }
    return list;
  }

  Result<Arguments> arguments_of(ScriptWords& words, Variables& variables) {
    Arguments arguments;
    while (!words.take(")")) {
      std::string_view name;
      ScriptWords ahead = words;
      if (!ahead.at_end()) name = ahead.next().text;
      const bool is_named = ahead.take("=");
      if (is_named) words = ahead;
      GRADCAM_TRY(ScriptValue value, evaluate(words, variables));
      if (is_named) {
        arguments.named.emplace_back(name, std::move(value));
      } else {
        arguments.values.push_back(std::move(value));
      }
      if (!words.take(",") && !words.is(")")) return ScriptPlace::damaged();
    }
    return arguments;
  }

  /// torch.relu, self.weight
  Result<ScriptValue> member(const ScriptValue& of, std::string_view name) {
    if (of.kind == ValueKind::kFunction) return function_named(of.name + "." + std::string(name));
    if (of.has_tensor()) {
      return place_.not_understood("asks for " + quote(name) + " of a tensor");
    }
    if (of.kind != ValueKind::kModule) return ScriptValue();
    // Files may have been saved before eval() was called; what they do in training is no answer.
    if (name == "training") return ScriptValue::of(0);
    return modules_.member(of, name);
  }

  Result<ScriptValue> call(const ScriptValue& function, const Arguments& arguments) {
    if (function.kind != ValueKind::kFunction) {
      return place_.not_understood("calls what is no function");
    }
    const std::string_view name = function.name;
    const ScriptValue& first = arguments[0];
    if (name == "getattr" && first.kind == ValueKind::kModule) {
      return member(first, arguments[1].name);
    }
    if (is_one_of(name, {"annotate", "unchecked_cast"})) return arguments[1];  // behind a type
    if (name == "ops.prim.RaiseException") return place_.not_understood("ends in an error");
    if (is_one_of(name, {"torch.__is__", "torch.__isnot__"}) && first.kind != ValueKind::kUnknown &&
        arguments[1].kind == ValueKind::kNone) {
      const bool is_none = first.kind == ValueKind::kNone;
      return ScriptValue::of(is_none == (name == "torch.__is__") ? 1 : 0);
    }
    if (name == "torch.__not__" && first.kind == ValueKind::kNumber) {
      return ScriptValue::of(first.number == 0 ? 1 : 0);
    }
    // What is made of sizes and settings alone is known where it is needed.
    if (!arguments.has_tensor() ||
        is_one_of(name, {"torch.size", "torch.dim", "ops.prim.device", "ops.prim.dtype"})) {
      return ScriptValue();
    }
    if (name == "torch.t" && first.kind == ValueKind::kWeight) {
      ScriptValue turned = first;
      turned.kind = ValueKind::kTurned;
      return turned;
    }
    return steps_.call(name, arguments);
  }

  ScriptPlace place_;
  ScriptModules modules_;
  ScriptSteps steps_{place_};
};

}  // namespace

Result<std::vector<ScriptStep>> read_script(const Pickle& pickle, const ReadScript& read) {
  return ScriptReader(pickle, read).read();
}

}  // namespace gradcam::internal
