#include "gradcam/import/keras_nodes.h"

#include <algorithm>

namespace gradcam {
namespace {

using internal::UntrustedJson;

/// The layer that gives a tensor of Keras 3; "" for what is none.
std::string tensor_of(const UntrustedJson& json) {
  if (text_of(json, "class_name") != "__keras_tensor__") return "";
  const UntrustedJson& history = member(member(json, "config"), "keras_history");
  return history.is_array() && !history.empty() && history.front().is_string()
             ? history.front().get<std::string>()
             : "";
}

/// Whether that is a tensor of Keras 2: the layer that gives it and two numbers, behind which there
/// may be what else its taker is given. "_CONSTANT_VALUE" with a value is written likewise.
bool is_history(const UntrustedJson& json) {
  return json.is_array() && json.size() >= 3 && json[0].is_string() && json[1].is_number_integer();
}

/// Adds what an argument is. Settings, such as {"training": false}, are no operands.
void add_argument(const UntrustedJson& argument, std::vector<KerasOperand>& operands) {
  const std::string layer = is_history(argument) ? argument[0].get<std::string>() : "";
  if (layer == "_CONSTANT_VALUE") {
    operands.push_back({"", &argument[2]});
  } else if (!layer.empty()) {
    operands.push_back({layer});
  } else if (const std::string tensor = tensor_of(argument); !tensor.empty()) {
    operands.push_back({tensor});
  } else if (argument.is_array() && !argument.empty() && !tensor_of(argument.front()).empty()) {
    for (const UntrustedJson& each : argument) add_argument(each, operands);
  } else if (argument.is_number() || argument.is_structured()) {
    operands.push_back({"", &argument});
  }
}

}  // namespace

std::string text_of(const UntrustedJson& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

const UntrustedJson& member(const UntrustedJson& json, const char* key) {
  static const UntrustedJson kNothing;
  const auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() ? *found : kNothing;
}

const UntrustedJson& layers_of(const UntrustedJson& model) {
  const UntrustedJson& config = member(model, "config");
  return config.is_array() ? config : member(config, "layers");
}

Result<std::vector<KerasOperand>> operands_of(const UntrustedJson& layer, const std::string& name) {
  std::vector<KerasOperand> operands;
  const UntrustedJson& nodes = member(layer, "inbound_nodes");
  if (!nodes.is_array() || nodes.empty()) return operands;
  if (nodes.size() > 1) return unlike_vgg16("layer", name, "is used more than once");
  const UntrustedJson& node = nodes.front();
  if (node.is_object()) {  // Keras 3
    for (const char* key : {"args", "kwargs"}) {
      for (const UntrustedJson& argument : member(node, key)) add_argument(argument, operands);
    }
    return operands;
  }
  if (!node.is_array()) return operands;
  const bool is_single = is_history(node);
  const std::size_t inputs = is_single ? 1 : node.size();
  for (std::size_t i = 0; i < inputs; ++i) add_argument(is_single ? node : node[i], operands);
  // With several inputs, each has the same arguments behind it.
  constexpr std::size_t kArguments = 3;
  const UntrustedJson& first = is_single || node.empty() ? node : node.front();
  if (!first.is_array() || first.size() <= kArguments || !first[kArguments].is_object()) {
    return operands;
  }
  for (const UntrustedJson& argument : first[kArguments]) add_argument(argument, operands);
  return operands;
}

}  // namespace gradcam
