#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What names stand for while code of TorchScript is followed. Private to this room.
namespace gradcam::internal {

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
  static constexpr std::size_t kMostName = 300;  ///< bytes of a name that are kept

  Kind kind = Kind::kUnknown;
  double number = 0;
  std::size_t index = 0;
  std::string name = {};
  std::vector<std::optional<double>> numbers = {};  ///< nothing for what is not known

  static ScriptValue none() { return {.kind = Kind::kNone}; }
  static ScriptValue of(double number) { return {.kind = Kind::kNumber, .number = number}; }
  static ScriptValue photo(std::size_t steps) { return {.kind = Kind::kPhoto, .index = steps}; }

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

/// What a call is given.
struct ScriptArguments {
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

/// A number, a text or numbers for a message.
std::string to_text(const ScriptValue& value);

}  // namespace gradcam::internal
