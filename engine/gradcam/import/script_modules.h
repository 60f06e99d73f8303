#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "gradcam/import/pickle.h"
#include "gradcam/import/script_place.h"
#include "gradcam/import/script_text.h"
#include "gradcam/import/script_value.h"

/// The modules in an archive of TorchScript: what the pickle has of each, and the code of its
/// class. Private to this room.
namespace gradcam::internal {

/// Whether a name of a pickle's is that of a class of TorchScript.
bool is_of_script(std::string_view class_name);

/// Reads a text of the archive: "code/__torch__/torch/nn/modules/conv.py".
using ReadScript = std::function<Result<std::string>(const std::string& path)>;

class ScriptModules {
 public:
  /// All must outlive it.
  ScriptModules(const Pickle& pickle, const ReadScript& read, ScriptPlace& place)
      : pickle_(pickle), read_(read), place_(place) {}

  /// That of the whole model.
  ScriptValue model() const;

  /// What a module has by this name: a module in it, a tensor or a setting; not known if it is
  /// something else.
  Result<ScriptValue> member(const ScriptValue& module, std::string_view name) const;

  /// A method, which begins with a line of a text.
  struct Method {
    const ScriptText& text;
    const ScriptLine& line;
  };
  Result<Method> method(const ScriptValue& module, std::string_view name);

 private:
  std::string_view class_of(Pickle::Index index) const;
  Result<const ScriptText*> text_of(std::string_view class_name);

  const Pickle& pickle_;
  const ReadScript& read_;
  ScriptPlace& place_;
  std::map<std::string, ScriptText> texts_;  // by their paths
  std::size_t bytes_ = 0;                    // of them
};

}  // namespace gradcam::internal
