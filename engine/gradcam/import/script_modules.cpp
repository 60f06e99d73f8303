#include "gradcam/import/script_modules.h"

#include <algorithm>
#include <utility>

#include "gradcam/tensor/text.h"

namespace gradcam::internal {

bool is_of_script(std::string_view class_name) {
  constexpr std::string_view kRoot = "__torch__";
  if (!class_name.starts_with(kRoot)) return false;
  class_name.remove_prefix(kRoot.size());
  return class_name.starts_with('.') || class_name.starts_with(' ');
}

ScriptValue ScriptModules::model() const {
  return {.kind = ScriptValue::Kind::kModule, .index = pickle_.root()};
}

/// The class of a module, as the pickle names it; "" for what is no object of TorchScript.
std::string_view ScriptModules::class_of(Pickle::Index index) const {
  const Pickle::Value& object = pickle_.value(index);
  if (object.kind != Pickle::Value::Kind::kObject) return "";
  const std::string_view name = pickle_.value(object.items[0]).text;
  return is_of_script(name) ? name : "";
}

Result<ScriptValue> ScriptModules::member(const ScriptValue& module, std::string_view name) const {
  using PickleKind = Pickle::Value::Kind;
  const auto index = static_cast<Pickle::Index>(module.index);
  GRADCAM_CHECK_OK(place_.look_at(pickle_.length(index) + module.name.size() / 8));
  const auto found = pickle_.find(index, name);
  if (!found) return ScriptValue();
  std::string path =
      module.name.empty() ? std::string(name) : module.name + "." + std::string(name);
  if (path.size() > ScriptValue::kMostName) return ScriptPlace::damaged();
  const Pickle::Value& value = pickle_.value(*found);
  if (value.kind == PickleKind::kNone) return ScriptValue::none();
  if (value.kind == PickleKind::kFloat) return ScriptValue::of(value.real);
  if (value.kind == PickleKind::kBool || value.kind == PickleKind::kInt) {
    return ScriptValue::of(static_cast<double>(value.number));
  }
  if (value.kind != PickleKind::kObject) return ScriptValue();
  const bool is_module = !class_of(*found).empty();
  return ScriptValue{.kind = is_module ? ScriptValue::Kind::kModule : ScriptValue::Kind::kWeight,
                     .index = *found,
                     .name = std::move(path)};
}

Result<ScriptModules::Method> ScriptModules::method(const ScriptValue& module,
                                                    std::string_view name) {
  const std::string_view class_name = class_of(static_cast<Pickle::Index>(module.index));
  GRADCAM_TRY(const ScriptText* text, text_of(class_name));
  const std::string whole_name =
      std::string(class_name.substr(class_name.find(' ') + 1)) + "." + std::string(name);
  const ScriptLine* line = text->find(whole_name);
  if (line == nullptr) return place_.not_understood("calls " + quote(whole_name));
  if (text->has_hooks()) return place_.not_understood("has hooks");
  return Method{*text, *line};
}

/// The text that has a class, "__torch__.torch.nn.modules.conv Conv2d".
Result<const ScriptText*> ScriptModules::text_of(std::string_view class_name) {
  constexpr std::size_t kMostBytes = 1 << 20;  // of all texts
  std::string path = "code/" + std::string(class_name.substr(0, class_name.find(' '))) + ".py";
  std::ranges::replace(path.begin(), path.end() - 3, '.', '/');
  auto found = texts_.find(path);
  if (found == texts_.end()) {
    GRADCAM_TRY(std::string text, read_(path));
    bytes_ += text.size();
    if (bytes_ > kMostBytes) return ScriptPlace::too_much();
    GRADCAM_TRY(ScriptText script, ScriptText::read(std::move(text)));
    found = texts_.emplace(std::move(path), std::move(script)).first;
  }
  return &found->second;
}

}  // namespace gradcam::internal
