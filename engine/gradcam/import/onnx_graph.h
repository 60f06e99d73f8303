#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gradcam/import/foreign.h"
#include "gradcam/import/window.h"
#include "gradcam/tensor/error.h"

namespace gradcam {

/// Where numbers are in another file.
struct OnnxExternal {
  std::string location;  ///< its name
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length = {};  ///< in bytes; else as many as their shape takes
};

/// Numbers in an ONNX file, or what it says of them.
struct OnnxTensor {
  std::string name;
  Shape shape = {};
  std::uint64_t data_type = 0;  ///< TensorProto.DataType
  FileRange bytes = {};  ///< where they are, little-endian; empty if they are not in one piece
  std::optional<OnnxExternal> external = {};
  std::vector<std::int64_t> integers = {};  ///< or they are these
  bool is_turned = false;                   ///< its rows are what is meant by its columns
};

/// The array of a tensor of floats. kUnsupportedFormat, saying what to do, for one in a file that
/// is not there, or of other numbers; kCorruptModel if its bytes are not as many as its shape says.
Result<ForeignArray> array_of(const OnnxTensor& tensor, Window& window);

/// A few integers, axes say; kUnsupportedFormat if they are none, or many.
Result<std::vector<std::int64_t>> integers_of(const OnnxTensor& tensor, Window& window);

/// An operator, and the names of the values that it takes and gives.
struct OnnxNode {
  /// Whichever of these the setting has.
  struct Attribute {
    std::string text;
    float number = 0;
    std::vector<std::int64_t> integers;  ///< one, or a list
    OnnxTensor tensor;
  };

  std::string kind;
  std::string name;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::map<std::string, Attribute, std::less<>> attributes;

  /// nullptr if it is not set.
  const Attribute* find(std::string_view attribute) const;
  /// A setting of one integer, or the usual one.
  std::int64_t integer(std::string_view attribute, std::int64_t usual) const;
  /// Whether a list, if it is set, consists of this number alone.
  bool is_all(std::string_view attribute, std::int64_t number) const;
};

/// What is given to a network.
struct OnnxInput {
  std::string name;
  std::vector<std::int64_t> sides;  ///< 0 where one is left open
};

/// What an ONNX file says (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto): a graph of
/// operators.
struct OnnxGraph {
  std::string producer;  ///< the program that wrote it
  std::vector<OnnxInput> inputs;
  std::vector<OnnxNode> nodes;  ///< in an order in which they can be run
  std::map<std::string, OnnxTensor, std::less<>> constants;

  /// kCorruptModel for what is damaged, or more than any VGG16 says.
  static Result<OnnxGraph> read(Window& window);
};

}  // namespace gradcam
