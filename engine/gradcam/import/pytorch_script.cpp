#include "gradcam/import/pytorch_script.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "gradcam/import/script_text.h"
#include "gradcam/tensor/text.h"

namespace gradcam::internal {
namespace {

using StepKind = ScriptStep::Kind;

constexpr std::string_view kScriptRoot = "__torch__";
constexpr std::string_view kFunctional = "__torch__.torch.nn.functional.";
/// Of words, lines and names of members that are looked at; a vgg16_bn takes some ten thousand.
constexpr std::size_t kMostLookedAt = 200'000;
/// Of calls, brackets and branches in one another.
constexpr int kMostScriptDepth = 64;
constexpr std::size_t kMostScriptBytes = 1 << 20;  // of all texts

/// What a name stands for while the code is followed.
struct ScriptValue {
  enum class Kind {
    kUnknown,   ///< a size, say, or what is made of weights
    kNone,      ///< Python's
    kNumber,    ///< of a truth value, too
    kText,      ///< name
    kNumbers,   ///< a list
    kModule,    ///< index, and its name
    kWeight,    ///< a tensor of the file, by its name
    kTurned,    ///< such a matrix transposed
    kPhoto,     ///< what has been made of it after so many steps: index
    kSeveral,   ///< a list or tuple of what has tensors in it
    kFunction,  ///< or a type, by its name
  };
  Kind kind = Kind::kUnknown;
  double number = 0;
  std::size_t index = 0;
  std::string name = {};
  std::vector<std::optional<double>> numbers = {};  ///< nothing for what is not known

  static ScriptValue of(double number) { return {.kind = Kind::kNumber, .number = number}; }
  static ScriptValue function(std::string name) {
    return {.kind = Kind::kFunction, .name = std::move(name)};
  }

  bool operator==(const ScriptValue&) const = default;

  bool is_number(double wanted) const { return kind == Kind::kNumber && number == wanted; }
  /// Whether it is this number, or a list of nothing else.
  bool is_all(double wanted) const {
    return is_number(wanted) || (kind == Kind::kNumbers && !numbers.empty() &&
                                 std::ranges::all_of(numbers, [&](const auto& each) {
                                   return each == std::optional(wanted);
                                 }));
  }
  bool has_tensor() const {
    return kind == Kind::kWeight || kind == Kind::kTurned || kind == Kind::kPhoto ||
           kind == Kind::kSeveral;
  }
};

using ValueKind = ScriptValue::Kind;

/// What a call is given.
struct Arguments {
  std::vector<ScriptValue> values;
  std::vector<std::pair<std::string_view, ScriptValue>> named;

  /// One that is not known if there are fewer.
  const ScriptValue& operator[](std::size_t i) const {
    static const ScriptValue kLacking;
    return i < values.size() ? values[i] : kLacking;
  }
  bool has(std::size_t i) const { return i < values.size(); }
  bool has_tensor() const {
    return std::ranges::any_of(values, &ScriptValue::has_tensor) ||
           std::ranges::any_of(named, [](const auto& each) { return each.second.has_tensor(); });
  }
};

/// A number as Python writes it, whatever the locale.
std::optional<double> number_of(std::string_view text) {
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

/// A setting for a message.
std::string setting_text(const ScriptValue& value) {
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
  return "[" +
         joined(std::span(value.numbers).first(std::min(kMostShown, value.numbers.size())),
                number) +
         "]";
}

/// Follows the code from the photo on. Of functions it knows those that a VGG16 needs, whatever
/// text the archive has of them.
class ScriptReader {
 public:
  /// Both must outlive it.
  ScriptReader(const Pickle& pickle, const ReadScript& read) : pickle_(pickle), read_(read) {}

  Result<std::vector<ScriptStep>> read() {
    const ScriptValue model{.kind = ValueKind::kModule, .index = pickle_.root()};
    Arguments photo;
    photo.values.push_back({.kind = ValueKind::kPhoto, .index = 0});
    GRADCAM_TRY(const ScriptValue logits, call_method(model, "forward", std::move(photo)));
    if (logits.kind == ValueKind::kPhoto && logits.index == steps_.size()) {
      return std::move(steps_);
    }
    return unlike("gives something else than one list of logits");
  }

 private:
  using Variables = std::map<std::string_view, ScriptValue>;

  /// Words that are read one after another.
  struct Words {
    const ScriptText* text = nullptr;
    std::size_t at = 0;
    std::size_t end = 0;

    bool is(std::string_view sign) const { return at < end && text->tokens()[at].is(sign); }
    bool take(std::string_view sign) {
      const bool is_next = is(sign);
      if (is_next) ++at;
      return is_next;
    }
  };

  /// Counts how deep it is.
  class Nesting {
   public:
    explicit Nesting(int& depth) : depth_(depth) { ++depth_; }
    ~Nesting() { --depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    int& depth_;
  };

  std::unexpected<Error> unlike(const std::string& what) const {
    return fail(ErrorCode::kUnsupportedFormat,
                "its forward pass, by the code in its archive, " + what +
                    (module_.empty() ? "" : ", in " + quote(module_)));
  }
  std::unexpected<Error> not_understood(const std::string& what) const {
    return unlike(what + ", which is not understood; an export to ONNX may be");
  }
  std::unexpected<Error> trains(std::string_view call) const {
    return unlike("calls " + quote(call) +
                  " as it does in training; eval() is to be called before torch.jit.trace");
  }
  static std::unexpected<Error> damaged() {
    return fail(ErrorCode::kCorruptModel, "the code in its archive is damaged");
  }

  Result<void> look_at(std::size_t count) {
    looked_at_ += count;
    if (looked_at_ <= kMostLookedAt && depth_ <= kMostScriptDepth) return {};
    return fail(ErrorCode::kUnsupportedFormat,
                "the code in its archive says more than that of any VGG16");
  }

  /// The text that has a class, "__torch__.torch.nn.modules.conv Conv2d".
  Result<const ScriptText*> text_of(std::string_view class_name) {
    std::string path = "code/" + std::string(class_name.substr(0, class_name.find(' '))) + ".py";
    std::ranges::replace(path.begin(), path.end() - 3, '.', '/');
    auto found = texts_.find(path);
    if (found == texts_.end()) {
      GRADCAM_TRY(std::string text, read_(path));
      bytes_ += text.size();
      if (bytes_ > kMostScriptBytes) GRADCAM_CHECK_OK(look_at(kMostLookedAt));
      GRADCAM_TRY(ScriptText script, ScriptText::read(std::move(text)));
      found = texts_.emplace(std::move(path), std::move(script)).first;
    }
    return &found->second;
  }

  /// The class of a module, as the pickle names it; "" for what is no object of TorchScript.
  std::string_view class_of(Pickle::Index index) const {
    const Pickle::Value& object = pickle_.value(index);
    if (object.kind != Pickle::Value::Kind::kObject) return "";
    const std::string_view name = pickle_.value(object.items[0]).text;
    return is_of_script(name) ? name : "";
  }

  Result<ScriptValue> call_method(const ScriptValue& module, std::string_view method,
                                  Arguments arguments) {
    const Nesting nesting(depth_);
    GRADCAM_CHECK_OK(look_at(1));
    const std::string_view class_name = class_of(static_cast<Pickle::Index>(module.index));
    GRADCAM_TRY(const ScriptText* text, text_of(class_name));
    const std::string name =
        std::string(class_name.substr(class_name.find(' ') + 1)) + "." + std::string(method);
    const ScriptLine* line = text->find(name);
    if (line == nullptr) return not_understood("calls " + quote(name));
    if (text->has_hooks()) return not_understood("has hooks");
    const std::string caller = std::exchange(module_, module.name);
    arguments.values.insert(arguments.values.begin(), module);
    GRADCAM_TRY(Variables variables, parameters(*text, *line, std::move(arguments)));
    const auto first = static_cast<std::size_t>(line - text->lines().data()) + 1;
    GRADCAM_TRY(auto returned, run(*text, first, line->indent, variables));
    module_ = caller;
    return returned.value_or(ScriptValue{.kind = ValueKind::kNone});
  }

  /// def forward(self: X, input: Tensor, flag: bool=False) -> Tensor:
  Result<Variables> parameters(const ScriptText& text, const ScriptLine& line,
                               Arguments arguments) {
    GRADCAM_CHECK_OK(look_at(line.end - line.first));
    Variables variables;
    Words words{&text, line.first + 2, line.end};
    if (!words.take("(")) return damaged();
    for (std::size_t i = 0; words.at < words.end && !words.is(")"); ++i) {
      const std::string_view name = text.tokens()[words.at++].text;
      std::size_t open = 0;  // brackets of a type
      for (; words.at < words.end; ++words.at) {
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

  /// The line behind the block that begins with one, which is indented more than `indent`.
  static std::size_t end_of_block(const ScriptText& text, std::size_t first, std::size_t indent) {
    while (first < text.lines().size() && text.lines()[first].indent > indent) ++first;
    return first;
  }

  /// Runs a block; what it returns, if it does.
  Result<std::optional<ScriptValue>> run(const ScriptText& text, std::size_t first,
                                         std::size_t indent, Variables& variables) {
    const Nesting nesting(depth_);
    const std::size_t end = end_of_block(text, first, indent);
    GRADCAM_CHECK_OK(look_at(end - first));
    while (first < end) {
      const ScriptLine& line = text.lines()[first];
      Words words{&text, line.first, line.end};
      if (words.take("if")) {
        GRADCAM_TRY(auto returned, branch(words, first, line.indent, variables));
        if (returned) return returned;
        continue;
      }
      ++first;
      if (words.take("pass")) continue;
      if (words.is("for") || words.is("while")) return not_understood("has a loop");
      if (words.take("return")) {
        GRADCAM_TRY(ScriptValue value, evaluate_all(words, variables));
        return value;
      }
      GRADCAM_CHECK_OK(assign(words, variables));
    }
    return std::nullopt;
  }

  /// Runs what is behind an `if`, or its `else`; `first` becomes the line behind both.
  Result<std::optional<ScriptValue>> branch(Words words, std::size_t& first, std::size_t indent,
                                            Variables& variables) {
    const ScriptText& text = *words.text;
    GRADCAM_TRY(const ScriptValue condition, evaluate(words, variables));
    if (!words.take(":")) return damaged();
    const std::size_t then = first + 1;
    const std::size_t middle = end_of_block(text, then, indent);
    std::size_t otherwise = middle;
    first = middle;
    if (middle < text.lines().size() && text.lines()[middle].indent == indent &&
        text.tokens()[text.lines()[middle].first].is("else")) {
      otherwise = middle + 1;
      first = end_of_block(text, otherwise, indent);
    }
    GRADCAM_CHECK_OK(look_at(first - then));
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
    GRADCAM_CHECK_OK(look_at(2 * variables.size()));
    const std::size_t before = steps_.size();
    Variables others = variables;
    GRADCAM_TRY(const auto returned, run(text, then, indent, variables));
    GRADCAM_TRY(const auto other_returned, run(text, otherwise, indent, others));
    if (returned || other_returned || steps_.size() != before) {
      return not_understood("depends on what is known only as it runs");
    }
    for (auto& [name, value] : variables) {
      if (others[name] != value) value = {};
    }
    return std::nullopt;
  }

  /// Whether a block does nothing but to end in an error.
  static bool raises(const ScriptText& text, std::size_t first, std::size_t end) {
    if (first == end) return false;
    const ScriptLine& last = text.lines()[end - 1];
    if (last.indent != text.lines()[first].indent || last.end - last.first < 5) return false;
    return text.tokens()[last.first].is("ops") && text.tokens()[last.first + 2].is("prim") &&
           text.tokens()[last.first + 4].is("RaiseException");
  }

  /// name = value; name: type = value; a, b, = value; or a value alone
  Result<void> assign(Words words, Variables& variables) {
    GRADCAM_CHECK_OK(look_at(words.end - words.at));
    const auto& tokens = words.text->tokens();
    std::vector<std::string_view> names;
    Words ahead = words;
    while (ahead.at < ahead.end && tokens[ahead.at].kind == ScriptToken::Kind::kName) {
      names.push_back(tokens[ahead.at++].text);
      if (!ahead.take(",")) break;
    }
    if (names.size() == 1 && ahead.is(":")) {
      while (ahead.at < ahead.end && !ahead.is("=")) ++ahead.at;
    }
    const bool is_assignment = !names.empty() && ahead.take("=");
    if (is_assignment) words = ahead;
    GRADCAM_TRY(ScriptValue value, evaluate_all(words, variables));
    if (!is_assignment) return {};
    if (names.size() == 1) {
      variables.insert_or_assign(names[0], std::move(value));
    } else if (value.has_tensor()) {
      return not_understood("takes several tensors apart");
    } else {
      for (const std::string_view name : names) variables.insert_or_assign(name, ScriptValue());
    }
    return {};
  }

  Result<ScriptValue> evaluate_all(Words words, Variables& variables) {
    GRADCAM_TRY(ScriptValue value, evaluate(words, variables));
    if (words.at == words.end) return value;
    return not_understood("goes on with " + quote(words.text->tokens()[words.at].text));
  }

  Result<ScriptValue> evaluate(Words& words, Variables& variables) {
    const Nesting nesting(depth_);
    GRADCAM_CHECK_OK(look_at(1));
    GRADCAM_TRY(ScriptValue value, first_of(words, variables));
    while (true) {
      GRADCAM_CHECK_OK(look_at(1));
      if (words.take(".")) {
        if (words.at == words.end) return damaged();
        const std::string_view name = words.text->tokens()[words.at++].text;
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
        if (value.has_tensor()) return not_understood("takes a part of a tensor");
        if (value.kind != ValueKind::kFunction) value = {};
      } else {
        return value;
      }
    }
  }

  /// What an expression begins with.
  Result<ScriptValue> first_of(Words& words, Variables& variables) {
    if (words.at == words.end) return damaged();
    const ScriptToken token = words.text->tokens()[words.at++];
    if (token.kind == ScriptToken::Kind::kText) {
      return ScriptValue{.kind = ValueKind::kText,
                         .name = std::string(beginning_of(token.text, kMostTextBytes))};
    }
    if (token.kind == ScriptToken::Kind::kNumber) {
      const auto number = number_of(token.text);
      return number ? ScriptValue::of(*number) : ScriptValue();
    }
    if (token.is("(")) return list_of(words, ")", variables);
    if (token.is("[")) return list_of(words, "]", variables);
    if (token.is("-")) {
      GRADCAM_TRY(ScriptValue value, evaluate(words, variables));
      value.number = -value.number;
      return value.kind == ValueKind::kNumber ? value : ScriptValue();
    }
    if (token.kind != ScriptToken::Kind::kName) {
      return not_understood("has " + quote(token.text));
    }
    if (token.is("None")) return ScriptValue{.kind = ValueKind::kNone};
    if (token.is("True")) return ScriptValue::of(1);
    if (token.is("False")) return ScriptValue::of(0);
    const auto variable = variables.find(token.text);
    if (variable == variables.end()) return function_named(token.text);
    GRADCAM_CHECK_OK(look_at(variable->second.numbers.size() + variable->second.name.size() / 8));
    return variable->second;
  }

  Result<ScriptValue> function_named(std::string_view name) const {
    constexpr std::size_t kMostFunctionName = 200;
    if (name.size() > kMostFunctionName) return damaged();
    return ScriptValue::function(std::string(name));
  }

  /// What is in brackets: a list, a tuple, or a value alone.
  Result<ScriptValue> list_of(Words& words, std::string_view end, Variables& variables) {
    ScriptValue list{.kind = ValueKind::kNumbers};
    bool has_comma = end == "]";
    while (!words.take(end)) {
      GRADCAM_TRY(ScriptValue value, evaluate(words, variables));
      const bool is_last = !words.take(",");
      if (is_last && !has_comma) {
        if (!words.take(end)) return damaged();
        return value;
      }
      has_comma = true;
      if (value.has_tensor()) list.kind = ValueKind::kSeveral;
      list.numbers.push_back(value.kind == ValueKind::kNumber ? std::optional(value.number)
                                                              : std::nullopt);
      if (is_last && !words.is(end)) return damaged();
    }
    return list;
  }

  Result<Arguments> arguments_of(Words& words, Variables& variables) {
    Arguments arguments;
    while (!words.take(")")) {
      std::string_view name;
      Words ahead = words;
      if (ahead.at < ahead.end) name = words.text->tokens()[ahead.at++].text;
      const bool is_named = ahead.take("=");
      if (is_named) words = ahead;
      GRADCAM_TRY(ScriptValue value, evaluate(words, variables));
      if (is_named) {
        arguments.named.emplace_back(name, std::move(value));
      } else {
        arguments.values.push_back(std::move(value));
      }
      if (!words.take(",") && !words.is(")")) return damaged();
    }
    return arguments;
  }

  /// torch.relu, self.weight
  Result<ScriptValue> member(const ScriptValue& of, std::string_view name) {
    if (of.kind == ValueKind::kFunction) return function_named(of.name + "." + std::string(name));
    if (of.kind != ValueKind::kModule) {
      if (of.has_tensor()) return not_understood("asks for " + quote(name) + " of a tensor");
      return ScriptValue();
    }
    // Files may have been saved before eval() was called; what they do in training is no answer.
    if (name == "training") return ScriptValue::of(0);
    const auto module = static_cast<Pickle::Index>(of.index);
    GRADCAM_CHECK_OK(look_at(pickle_.length(module) + of.name.size() / 8));
    const auto found = pickle_.find(module, name);
    if (!found) return ScriptValue();
    const Pickle::Value& value = pickle_.value(*found);
    const std::string path =
        of.name.empty() ? std::string(name) : of.name + "." + std::string(name);
    if (path.size() > kMostTextBytes) return damaged();
    using Kind = Pickle::Value::Kind;
    if (value.kind == Kind::kNone) return ScriptValue{.kind = ValueKind::kNone};
    if (value.kind == Kind::kFloat) return ScriptValue::of(value.real);
    if (value.kind == Kind::kBool || value.kind == Kind::kInt) {
      return ScriptValue::of(static_cast<double>(value.number));
    }
    if (value.kind != Kind::kObject) return ScriptValue();
    const bool is_module = !class_of(*found).empty();
    return ScriptValue{
        .kind = is_module ? ValueKind::kModule : ValueKind::kWeight, .index = *found, .name = path};
  }

  Result<ScriptValue> call(const ScriptValue& function, const Arguments& arguments) {
    if (function.kind != ValueKind::kFunction) return not_understood("calls what is no function");
    const std::string_view name = function.name;
    const ScriptValue& first = arguments[0];
    if (name == "getattr" && first.kind == ValueKind::kModule) {
      return member(first, arguments[1].name);
    }
    if (is_one_of(name, {"annotate", "unchecked_cast"})) return arguments[1];  // behind a type
    if (name == "ops.prim.RaiseException") return not_understood("ends in an error");
    const bool is_unknown = first.kind == ValueKind::kUnknown;
    if (is_one_of(name, {"torch.__is__", "torch.__isnot__"}) && !is_unknown &&
        arguments[1].kind == ValueKind::kNone) {
      return ScriptValue::of((first.kind == ValueKind::kNone) == (name == "torch.__is__") ? 1 : 0);
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
    return compute(name, arguments);
  }

  /// What is done to the photo.
  Result<ScriptValue> compute(std::string_view name, const Arguments& arguments) {
    const bool is_addmm = name == "torch.addmm";
    const ScriptValue& input = arguments[is_addmm ? 1 : 0];
    bool is_functional = name.starts_with(kFunctional);
    std::string_view does = name;
    does.remove_prefix(is_functional ? kFunctional.size()
                                     : std::min(name.find('.') + 1, name.size()));
    if (does.ends_with('_')) does.remove_suffix(1);  // in its place
    if (input.kind != ValueKind::kPhoto || (!is_functional && !name.starts_with("torch."))) {
      return unlike("calls " + quote(name) + " with tensors, which a VGG16's does not");
    }
    if (input.index != steps_.size()) {
      return unlike("calls " + quote(name) +
                    " with what it has already gone on from: it is no chain of layers");
    }
    for (const auto& [setting, value] : arguments.named) {
      if (value.kind == ValueKind::kNone || (is_addmm && value.is_number(1))) continue;
      return unlike("calls " + quote(name) + " with " + quote(setting) + " = " +
                    setting_text(value));
    }
    ScriptStep step{.call = std::string(name)};
    if (is_one_of(does, {"_convolution", "conv2d", "_convolution_mode"})) {
      return convolve(does, arguments, std::move(step));
    }
    if (does == "linear" || is_addmm) {
      step.kind = StepKind::kDense;
      const ScriptValue& weight = arguments[is_addmm ? 2 : 1];
      const ScriptValue& bias = arguments[is_addmm ? 0 : 2];
      if (weight.kind != (is_addmm ? ValueKind::kTurned : ValueKind::kWeight)) {
        return unlike("calls " + quote(name) + " with weights that it computes");
      }
      GRADCAM_TRY(step.tensors, tensors_of({&weight, &bias}, name));
      return add(std::move(step));
    }
    if (does == "batch_norm") return normalize(is_functional, arguments, std::move(step));
    if (does == "relu") {
      step.kind = StepKind::kRelu;
      return is_rectified_ ? input : add(std::move(step));
    }
    if (is_one_of(does, {"max_pool2d", "_max_pool2d"})) {
      step.kind = StepKind::kMaxPool;
      // Of these a stride that is not told is the kernel's side.
      const ScriptValue& stride = arguments[2];
      const bool is_told = arguments.has(2) && stride.kind != ValueKind::kNone &&
                           !(stride.kind == ValueKind::kNumbers && stride.numbers.empty());
      GRADCAM_CHECK_OK(check(name, "kernel_size", arguments[1], 2));
      if (is_told) GRADCAM_CHECK_OK(check(name, "stride", stride, 2));
      GRADCAM_CHECK_OK(check(name, "padding", arguments, 3, 0));
      GRADCAM_CHECK_OK(check(name, "dilation", arguments, 4, 1));
      return add(std::move(step));
    }
    if (does == "adaptive_avg_pool2d") {
      const bool is_mean = arguments[1].is_all(1);
      constexpr double kPositions = 7;
      if (!is_mean) GRADCAM_CHECK_OK(check(name, "output_size", arguments[1], kPositions));
      step.kind = is_mean ? StepKind::kMean : StepKind::kSevenPositions;
      return add(std::move(step));
    }
    if (does == "mean") {
      const std::vector<std::optional<double>>& sides = arguments[1].numbers;
      const auto has = [&](double side) {
        return std::ranges::any_of(sides, [&](const auto& each) {
          return each == std::optional(side) || each == std::optional(side - 4);
        });
      };
      if (sides.size() != 2 || !has(2) || !has(3)) {
        return unlike("calls " + quote(name) + " over " + setting_text(arguments[1]) +
                      ", where a mean over [2, 3] is expected");
      }
      step.kind = StepKind::kMean;
      return add(std::move(step));
    }
    if (is_one_of(does, {"softmax", "log_softmax"})) {
      step.kind = StepKind::kSoftmax;
      if (!arguments[1].is_number(-1)) GRADCAM_CHECK_OK(check(name, "dim", arguments[1], 1));
      return add(std::move(step));
    }
    if (does == "sigmoid") {
      step.kind = StepKind::kSigmoid;
      return add(std::move(step));
    }
    return pass_on(name, does, is_functional, arguments);
  }

  /// What changes no number, nor the order of those of a photo.
  Result<ScriptValue> pass_on(std::string_view name, std::string_view does, bool is_functional,
                              const Arguments& arguments) {
    const ScriptValue& input = arguments[0];
    if (does.contains("dropout")) {
      // (input, probability, training)
      if (arguments.values.size() < 3 || !arguments[2].is_number(0)) return trains(name);
      return input;
    }
    if (!is_functional && is_one_of(does, {"contiguous", "detach", "clone", "squeeze"})) {
      return input;
    }
    if (does == "flatten") {
      GRADCAM_CHECK_OK(check(name, "start_dim", arguments[1], 1));
      if (arguments.has(2) && !arguments[2].is_number(-1)) {
        GRADCAM_CHECK_OK(check(name, "end_dim", arguments[2], 3));
      }
      return input;
    }
    if (is_one_of(does, {"view", "reshape"})) {
      if (arguments[1].numbers.size() == 2) return input;  // photos, and their numbers
      return unlike("calls " + quote(name) + " with " + setting_text(arguments[1]) +
                    ", where a VGG16's flattens the map of a photo");
    }
    return unlike("calls " + quote(name) + ", which a VGG16's does not");
  }

  Result<void> check(std::string_view name, const char* setting, const ScriptValue& value,
                     double expected) const {
    if (value.is_all(expected)) return {};
    return unlike("calls " + quote(name) + " with " + setting + " " + setting_text(value) +
                  ", where " + setting_text(ScriptValue::of(expected)) + " is expected");
  }

  /// The same of an argument which is as expected where it is lacking.
  Result<void> check(std::string_view name, const char* setting, const Arguments& arguments,
                     std::size_t place, double expected) const {
    return arguments.has(place) ? check(name, setting, arguments[place], expected) : Result<void>();
  }

  /// (input, weight, bias, stride, padding, dilation, groups), or before these of _convolution
  /// (transposed, output_padding).
  Result<ScriptValue> convolve(std::string_view does, const Arguments& arguments, ScriptStep step) {
    const bool is_general = does == "_convolution";
    step.kind = StepKind::kConvolution;
    const ScriptValue& padding = arguments[4];
    const bool is_same = padding.kind == ValueKind::kText && padding.name == "same";
    const std::string_view name = step.call;
    GRADCAM_TRY(step.tensors, tensors_of({&arguments[1], &arguments[2]}, name));
    GRADCAM_CHECK_OK(check(name, "stride", arguments, 3, 1));
    GRADCAM_CHECK_OK(check(name, "dilation", arguments, 5, 1));
    step.pads = is_same || padding.is_all(1);
    const bool pads_nothing = !arguments.has(4) || padding.is_all(0);
    if (!step.pads && !pads_nothing) GRADCAM_CHECK_OK(check(name, "padding", padding, 1));
    if (is_general) GRADCAM_CHECK_OK(check(name, "transposed", arguments, 6, 0));
    GRADCAM_CHECK_OK(check(name, "groups", arguments, is_general ? 8 : 6, 1));
    return add(std::move(step));
  }

  /// (input, weight, bias, mean, variance, training, momentum, eps, ...), or of the function of
  /// torch.nn.functional (input, mean, variance, weight, bias, ...).
  Result<ScriptValue> normalize(bool is_functional, const Arguments& arguments, ScriptStep step) {
    const std::size_t weight = is_functional ? 3 : 1;
    const std::size_t mean = is_functional ? 1 : 3;
    step.kind = StepKind::kNorm;
    if (!arguments[5].is_number(0)) return trains(step.call);
    GRADCAM_TRY(step.tensors, tensors_of({&arguments[weight], &arguments[weight + 1],
                                          &arguments[mean], &arguments[mean + 1]},
                                         step.call));
    const ScriptValue& epsilon = arguments[7];
    if (epsilon.kind != ValueKind::kNumber) return not_understood("has an eps that it computes");
    step.epsilon = epsilon.number;
    return add(std::move(step));
  }

  /// The names of tensors, "" for Python's None; an error for those that are computed.
  Result<std::array<std::string, 4>> tensors_of(std::initializer_list<const ScriptValue*> values,
                                                std::string_view name) const {
    std::array<std::string, 4> tensors;
    std::size_t i = 0;
    for (const ScriptValue* value : values) {
      if (!is_whole(value->kind)) {
        return unlike("calls " + quote(name) + " with weights that it computes");
      }
      tensors[i++] = value->name;
    }
    return tensors;
  }
  static bool is_whole(ValueKind kind) {
    return kind == ValueKind::kWeight || kind == ValueKind::kTurned || kind == ValueKind::kNone;
  }

  Result<ScriptValue> add(ScriptStep step) {
    constexpr std::size_t kMostSteps = 200;
    if (steps_.size() == kMostSteps) GRADCAM_CHECK_OK(look_at(kMostLookedAt));
    const StepKind kind = step.kind;
    is_rectified_ = kind == StepKind::kRelu ||
                    (is_rectified_ && (kind == StepKind::kMaxPool || kind == StepKind::kMean ||
                                       kind == StepKind::kSevenPositions));
    steps_.push_back(std::move(step));
    return ScriptValue{.kind = ValueKind::kPhoto, .index = steps_.size()};
  }

  static constexpr std::size_t kMostTextBytes = 300;

  const Pickle& pickle_;
  const ReadScript& read_;
  std::map<std::string, ScriptText> texts_;
  std::vector<ScriptStep> steps_;
  std::string module_;         // whose code is followed
  bool is_rectified_ = false;  // whether nothing is below zero
  std::size_t looked_at_ = 0;
  std::size_t bytes_ = 0;
  int depth_ = 0;
};

/// For messages.
std::string what_does(StepKind kind) {
  switch (kind) {
    case StepKind::kConvolution:
      return "a convolution";
    case StepKind::kDense:
      return "a dense layer";
    case StepKind::kNorm:
      return "batch normalisation";
    case StepKind::kRelu:
      return "a ReLU";
    case StepKind::kMaxPool:
      return "a max-pool";
    case StepKind::kMean:
      return "a mean of all positions";
    case StepKind::kSevenPositions:
      return "an AdaptiveAvgPool2d";
    case StepKind::kSoftmax:
      return "a Softmax";
    case StepKind::kSigmoid:
      return "a Sigmoid";
  }
  return "";
}

/// Goes through the steps beside the layers of a network.
class ScriptFollower {
 public:
  ScriptFollower(const std::vector<ScriptStep>& steps, ForeignVgg16& network)
      : steps_(steps), network_(network) {}

  Result<void> follow() {
    std::size_t conv = 0;
    for (const int convs : kConvsOfBlock) {
      for (int i = 0; i < convs && conv < network_.convs.size(); ++i, ++conv) {
        GRADCAM_CHECK_OK(pass_layer(network_.convs[conv], true));
        GRADCAM_CHECK_OK(pass(StepKind::kRelu));
      }
      GRADCAM_CHECK_OK(pass(StepKind::kMaxPool));
    }
    while (is_next(StepKind::kSevenPositions)) ++at_;
    const bool averages = is_next(StepKind::kMean);
    if (!network_.dense.empty()) {
      network_.averages = averages;
      // Where nothing averages, nor takes the maxima of all positions, there is only one.
      const Shape& channels = network_.convs.back().bias.shape;
      const Shape& dense = network_.dense.front().weight.shape;
      if (!averages && dense.size() == 2 && channels == Shape{dense[1]}) {
        network_.side = static_cast<int>(kTotalStride);
      }
    }
    for (std::size_t i = 0; i < network_.dense.size(); ++i) {
      skip_means();
      ForeignLayer& layer = network_.dense[i];
      if (layer.input_norm) GRADCAM_CHECK_OK(pass_norm(*layer.input_norm));
      GRADCAM_CHECK_OK(pass_layer(layer, false));
      if (i + 1 < network_.dense.size()) GRADCAM_CHECK_OK(pass(StepKind::kRelu));
    }
    skip_means();
    if (is_next(StepKind::kSigmoid) && !network_.dense.empty() &&
        network_.dense.back().bias.shape != Shape{1}) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "it has a Sigmoid of several outputs, each of which is a class on its own");
    }
    if (is_next(StepKind::kSoftmax) || is_next(StepKind::kSigmoid)) ++at_;
    return at_ == steps_.size() ? Result<void>() : unexpected("nothing more");
  }

 private:
  bool is_next(StepKind kind) const { return at_ < steps_.size() && steps_[at_].kind == kind; }

  /// Behind another one, or behind a convolution that leaves one position, it changes nothing.
  void skip_means() {
    while (is_next(StepKind::kMean)) ++at_;
  }

  std::unexpected<Error> unexpected(const std::string& expected) const {
    std::string before = "the photo";
    for (std::size_t i = 0; i < at_; ++i) {
      if (!steps_[i].tensors[0].empty()) before = quote(steps_[i].tensors[0]);
    }
    const std::string found =
        at_ == steps_.size()
            ? "ends"
            : "goes on with " + what_does(steps_[at_].kind) + " (" +
                  (steps_[at_].tensors[0].empty() ? steps_[at_].call
                                                  : quote(steps_[at_].tensors[0])) +
                  ")";
    return fail(ErrorCode::kUnsupportedFormat, "its forward pass, by the code in its archive, " +
                                                   found + " behind " + before +
                                                   ", where expected is " + expected);
  }

  Result<void> pass(StepKind kind) {
    if (!is_next(kind)) return unexpected(what_does(kind));
    ++at_;
    return {};
  }

  /// Dense layers may be convolutions, without padding.
  Result<void> pass_layer(ForeignLayer& layer, bool is_conv) {
    const std::string expected = what_does(is_conv ? StepKind::kConvolution : StepKind::kDense) +
                                 " with " + (is_conv ? "a padding of 1 and " : "") +
                                 quote(layer.weight.name);
    const bool is_one = is_next(StepKind::kConvolution) || (is_next(StepKind::kDense) && !is_conv);
    if (!is_one || steps_[at_].pads != is_conv || steps_[at_].tensors[0] != layer.weight.name ||
        steps_[at_].tensors[1] != layer.bias.name) {
      return unexpected(expected);
    }
    ++at_;
    return layer.norm ? pass_norm(*layer.norm) : Result<void>();
  }

  Result<void> pass_norm(ForeignNorm& norm) {
    const std::array<std::string, 4> tensors = {norm.scale ? norm.scale->name : "",
                                                norm.shift ? norm.shift->name : "", norm.mean.name,
                                                norm.variance.name};
    if (!is_next(StepKind::kNorm) || steps_[at_].tensors != tensors) {
      return unexpected("batch normalisation with " + quote(norm.mean.name));
    }
    norm.epsilon = static_cast<float>(steps_[at_].epsilon);
    ++at_;
    return {};
  }

  const std::vector<ScriptStep>& steps_;
  ForeignVgg16& network_;
  std::size_t at_ = 0;
};

}  // namespace

bool is_of_script(std::string_view class_name) {
  if (!class_name.starts_with(kScriptRoot)) return false;
  class_name.remove_prefix(kScriptRoot.size());
  return class_name.starts_with('.') || class_name.starts_with(' ');
}

Result<std::vector<ScriptStep>> read_script(const Pickle& pickle, const ReadScript& read) {
  return ScriptReader(pickle, read).read();
}

Result<void> follow_script(const std::vector<ScriptStep>& steps, ForeignVgg16& network) {
  return ScriptFollower(steps, network).follow();
}

}  // namespace gradcam::internal
