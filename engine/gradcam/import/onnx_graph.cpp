#include "gradcam/import/onnx_graph.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

#include "gradcam/import/protobuf.h"
#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

using internal::quote;
using Fields = std::vector<ProtobufField>;

/// TensorProto.DataType
struct DataType {
  enum : std::uint8_t {
    kFloat = 1,
    kInt32 = 6,
    kInt64 = 7,
    kFloat16 = 10,
    kDouble = 11,
    kBFloat16 = 16,
  };
};

std::optional<DType> float_type(std::uint64_t data_type) {
  switch (data_type) {
    case DataType::kFloat:
      return DType::kF32;
    case DataType::kFloat16:
      return DType::kF16;
    case DataType::kDouble:
      return DType::kF64;
    case DataType::kBFloat16:
      return DType::kBF16;
    default:
      return std::nullopt;
  }
}

/// The fields of a message of ONNX by their names, as far as they matter here.
struct ModelProto {
  enum : std::uint8_t { kProducer = 2, kGraph = 7 };
};
struct GraphProto {
  enum : std::uint8_t { kNode = 1, kInitializer = 5, kInput = 11 };
};
struct NodeProto {
  enum : std::uint8_t { kInput = 1, kOutput = 2, kName = 3, kKind = 4, kAttribute = 5 };
};
struct AttributeProto {
  enum : std::uint8_t { kName = 1, kFloat = 2, kInt = 3, kText = 4, kTensor = 5, kInts = 8 };
};
struct TensorProto {
  enum : std::uint8_t {
    kDims = 1,
    kDataType = 2,
    kFloats = 4,
    kInt64s = 7,
    kName = 8,
    kRaw = 9,
    kDoubles = 10,
    kExternal = 13,
  };
};
/// Of `external_data`.
struct StringStringEntryProto {
  enum : std::uint8_t { kKey = 1, kValue = 2 };
};
struct ValueInfoProto {
  enum : std::uint8_t { kName = 1, kType = 2 };
};
constexpr std::uint64_t kTensorType = 1;  // of TypeProto
constexpr std::uint64_t kShape = 2;       // of TypeProto.Tensor
constexpr std::uint64_t kDim = 1;         // of TensorShapeProto
constexpr std::uint64_t kDimValue = 1;    // of TensorShapeProto.Dimension

/// Where a tensor is, which takes so many bytes by its shape.
Result<FileRange> bytes_of(const OnnxTensor& tensor, std::uint64_t expected, Window& window) {
  if (!tensor.external) return tensor.bytes;
  const auto& [location, offset, length] = *tensor.external;
  GRADCAM_TRY(const FileRange file, window.beside(location));
  const std::uint64_t size = file.end - file.begin;
  const std::uint64_t count = length.value_or(expected);
  if (offset > size || count > size - offset) {
    return fail(ErrorCode::kCorruptModel, quote(tensor.name) + " is said to be in " +
                                              quote(location) + ", " + std::to_string(count) +
                                              " bytes from byte " + std::to_string(offset) +
                                              " on, but that file has " + std::to_string(size));
  }
  return FileRange{file.begin + offset, file.begin + offset + count};
}

class OnnxReader {
 public:
  explicit OnnxReader(Window& window) : file_(window) {}

  Result<OnnxGraph> read() {
    bool has_graph = false;
    GRADCAM_TRY(const Fields model, file_.fields(file_.file()));
    for (const ProtobufField& field : model) {
      if (field.number == ModelProto::kProducer) {
        GRADCAM_TRY(graph_.producer, file_.text(field.bytes));
      } else if (field.number == ModelProto::kGraph) {
        has_graph = true;
        GRADCAM_CHECK_OK(read_graph(field.bytes));
      }
    }
    if (!has_graph) {
      return fail(ErrorCode::kCorruptModel, "it has no graph, as a file of ONNX has");
    }
    name_constants();
    return std::move(graph_);
  }

 private:
  Result<void> read_graph(FileRange bytes) {
    GRADCAM_TRY(const Fields graph, file_.fields(bytes));
    for (const ProtobufField& field : graph) {
      if (field.number == GraphProto::kNode) {
        GRADCAM_TRY(OnnxNode node, read_node(field.bytes));
        graph_.nodes.push_back(std::move(node));
      } else if (field.number == GraphProto::kInitializer) {
        GRADCAM_TRY(OnnxTensor tensor, read_tensor(field.bytes));
        std::string name = tensor.name;
        graph_.constants.insert_or_assign(std::move(name), std::move(tensor));
      } else if (field.number == GraphProto::kInput) {
        GRADCAM_TRY(OnnxInput input, read_input(field.bytes));
        graph_.inputs.push_back(std::move(input));
      }
    }
    return {};
  }

  Result<OnnxNode> read_node(FileRange bytes) {
    OnnxNode node;
    GRADCAM_TRY(const Fields fields, file_.fields(bytes));
    for (const ProtobufField& field : fields) {
      if (field.number == 0 || field.number > NodeProto::kAttribute) continue;
      if (field.number == NodeProto::kAttribute) {
        GRADCAM_CHECK_OK(read_attribute(field.bytes, node));
        continue;
      }
      GRADCAM_TRY(std::string text, file_.text(field.bytes));
      if (field.number == NodeProto::kInput) {
        node.inputs.push_back(std::move(text));
      } else if (field.number == NodeProto::kOutput) {
        node.outputs.push_back(std::move(text));
      } else {
        (field.number == NodeProto::kName ? node.name : node.kind) = std::move(text);
      }
    }
    return node;
  }

  Result<void> read_attribute(FileRange bytes, OnnxNode& node) {
    std::string name;
    OnnxNode::Attribute attribute;
    GRADCAM_TRY(const Fields fields, file_.fields(bytes));
    for (const ProtobufField& field : fields) {
      switch (field.number) {
        case AttributeProto::kName: {
          GRADCAM_TRY(name, file_.text(field.bytes));
          break;
        }
        case AttributeProto::kFloat:
          attribute.number = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
          break;
        case AttributeProto::kInt:
          attribute.integers = {static_cast<std::int64_t>(field.value)};
          break;
        case AttributeProto::kText: {
          GRADCAM_TRY(attribute.text, file_.text(field.bytes));
          break;
        }
        case AttributeProto::kTensor: {
          GRADCAM_TRY(attribute.tensor, read_tensor(field.bytes));
          break;
        }
        case AttributeProto::kInts:
          GRADCAM_CHECK_OK(add_integers(field, attribute.integers));
          break;
        default:
          break;
      }
    }
    node.attributes.insert_or_assign(std::move(name), std::move(attribute));
    return {};
  }

  /// A repeated number, which may be there one by one or packed. What is a list in the file may
  /// become many, as each name of a constant has its own.
  Result<void> add_integers(const ProtobufField& field, std::vector<std::int64_t>& integers) {
    constexpr std::size_t kMostIntegers = 1000;
    if (field.bytes.end == 0) {
      integers.push_back(static_cast<std::int64_t>(field.value));
    } else {
      GRADCAM_TRY(const auto packed, file_.packed(field.bytes));
      integers.insert(integers.end(), packed.begin(), packed.end());
    }
    if (integers.size() <= kMostIntegers) return {};
    return fail(ErrorCode::kCorruptModel, "a list of integers is longer than any of a VGG16");
  }

  Result<OnnxTensor> read_tensor(FileRange bytes) {
    OnnxTensor tensor;
    std::vector<std::int64_t> sides;
    GRADCAM_TRY(const Fields fields, file_.fields(bytes));
    for (const ProtobufField& field : fields) {
      switch (field.number) {
        case TensorProto::kDims:
          GRADCAM_CHECK_OK(add_integers(field, sides));
          break;
        case TensorProto::kDataType:
          tensor.data_type = field.value;
          break;
        case TensorProto::kName: {
          GRADCAM_TRY(tensor.name, file_.text(field.bytes));
          break;
        }
        case TensorProto::kInt64s:
          GRADCAM_CHECK_OK(add_integers(field, tensor.integers));
          break;
        case TensorProto::kFloats:  // packed, they are what they are in raw_data
        case TensorProto::kDoubles:
        case TensorProto::kRaw:
          tensor.bytes = field.bytes;
          break;
        case TensorProto::kExternal:
          GRADCAM_CHECK_OK(read_external(field.bytes, tensor));
          break;
        default:
          break;
      }
    }
    const bool is_usual =
        sides.size() <= kMostForeignRank && std::ranges::all_of(sides, [](std::int64_t side) {
          return side >= 0 && side <= kMostForeignSide;
        });
    if (!is_usual) {
      return fail(ErrorCode::kCorruptModel, quote(tensor.name) + " has sides that no weight has");
    }
    tensor.shape.assign(sides.begin(), sides.end());
    return tensor;
  }

  /// One thing that is said, in texts, of bytes in another file.
  Result<void> read_external(FileRange bytes, OnnxTensor& tensor) {
    std::string key;
    std::string value;
    GRADCAM_TRY(const Fields fields, file_.fields(bytes));
    for (const ProtobufField& field : fields) {
      GRADCAM_TRY(std::string text, file_.text(field.bytes));
      (field.number == StringStringEntryProto::kKey ? key : value) = std::move(text);
    }
    if (!tensor.external) tensor.external.emplace();
    if (key == "location") tensor.external->location = value;
    if (key != "offset" && key != "length") return {};
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size()) {
      return fail(ErrorCode::kCorruptModel,
                  "its external_data has the " + key + " " + quote(value) + ", which is no number");
    }
    if (key == "offset") {
      tensor.external->offset = number;
    } else {
      tensor.external->length = number;
    }
    return {};
  }

  /// ValueInfoProto, TypeProto and TensorShapeProto.
  Result<OnnxInput> read_input(FileRange bytes) {
    OnnxInput input;
    GRADCAM_TRY(const Fields info, file_.fields(bytes));
    for (const ProtobufField& field : info) {
      if (field.number == ValueInfoProto::kName) {
        GRADCAM_TRY(input.name, file_.text(field.bytes));
      } else if (field.number == ValueInfoProto::kType) {
        GRADCAM_CHECK_OK(read_sides(field.bytes, input));
      }
    }
    return input;
  }

  Result<void> read_sides(FileRange type, OnnxInput& input) {
    // Each message has, of those that matter, the one field.
    for (const std::uint64_t wanted : {kTensorType, kShape}) {
      GRADCAM_TRY(const Fields fields, file_.fields(type));
      const auto found = std::ranges::find(fields, wanted, &ProtobufField::number);
      if (found == fields.end()) return {};
      type = found->bytes;
    }
    GRADCAM_TRY(const Fields shape, file_.fields(type));
    for (const ProtobufField& dim : shape) {
      if (dim.number != kDim) continue;
      GRADCAM_TRY(const Fields side, file_.fields(dim.bytes));
      const auto value = std::ranges::find(side, kDimValue, &ProtobufField::number);
      input.sides.push_back(value == side.end() ? 0 : static_cast<std::int64_t>(value->value));
    }
    return {};
  }

  /// Constants may be operators, too, have several names, and be matrices that are transposed.
  void name_constants() {
    for (const OnnxNode& node : graph_.nodes) {
      if (node.outputs.empty()) continue;
      if (node.kind == "Constant") {
        if (const auto* value = node.find("value")) {
          OnnxTensor& constant = graph_.constants[node.outputs[0]] = value->tensor;
          constant.name = node.outputs[0];
        }
        continue;
      }
      const bool is_transpose = node.kind == "Transpose";
      if ((node.kind != "Identity" && !is_transpose) || node.inputs.empty()) continue;
      const auto found = graph_.constants.find(node.inputs[0]);
      if (found == graph_.constants.end()) continue;
      OnnxTensor same = found->second;
      if (is_transpose) {  // a matrix, whose axes can only change places
        if (same.shape.size() != 2) continue;
        const auto* order = node.find("perm");
        const bool is_turn = order == nullptr || order->integers == std::vector<std::int64_t>{1, 0};
        same.is_turned = same.is_turned != is_turn;
      }
      graph_.constants[node.outputs[0]] = std::move(same);
    }
  }

  Protobuf file_;
  OnnxGraph graph_;
};

}  // namespace

Result<ForeignArray> array_of(const OnnxTensor& tensor, Window& window) {
  const auto dtype = float_type(tensor.data_type);
  if (!dtype) {
    return fail(ErrorCode::kUnsupportedFormat,
                quote(tensor.name) + " is of no floats, but of ONNX's data type " +
                    std::to_string(tensor.data_type) + "; quantised models are not read");
  }
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 40;
  std::uint64_t expected = dtype_size(*dtype);
  for (const std::size_t side : tensor.shape) {
    expected = side != 0 && expected <= kMostBytes / side ? expected * side : 0;
  }
  GRADCAM_TRY(const FileRange range, bytes_of(tensor, expected, window));
  const std::uint64_t bytes = range.end - range.begin;
  if (expected != bytes || bytes == 0) {
    return fail(ErrorCode::kCorruptModel, quote(tensor.name) + " has the shape " +
                                              to_string(tensor.shape) + ", but " +
                                              std::to_string(bytes) + " bytes of raw_data");
  }
  return ForeignArray{tensor.name, *dtype, tensor.shape, range.begin};
}

Result<std::vector<std::int64_t>> integers_of(const OnnxTensor& tensor, Window& window) {
  constexpr std::uint64_t kMostBytes = 64;
  if (!tensor.integers.empty()) return tensor.integers;
  GRADCAM_TRY(const FileRange range, bytes_of(tensor, 0, window));
  const std::uint64_t size = range.end - range.begin;
  const std::size_t width = tensor.data_type == DataType::kInt32 ? 4 : 8;
  if ((tensor.data_type != DataType::kInt32 && tensor.data_type != DataType::kInt64) ||
      size > kMostBytes) {
    return fail(ErrorCode::kUnsupportedFormat,
                quote(tensor.name) + " is no short list of integers");
  }
  GRADCAM_TRY(const auto bytes, window.read(range.begin, size));
  Cursor cursor(bytes);
  std::vector<std::int64_t> integers;
  while (cursor.left() >= width) {
    const auto bits = cursor.uint(width);
    integers.push_back(width == 4 ? static_cast<std::int32_t>(bits)
                                  : static_cast<std::int64_t>(bits));
  }
  return integers;
}

const OnnxNode::Attribute* OnnxNode::find(std::string_view attribute) const {
  const auto found = attributes.find(attribute);
  return found == attributes.end() ? nullptr : &found->second;
}

std::int64_t OnnxNode::integer(std::string_view attribute, std::int64_t usual) const {
  const Attribute* found = find(attribute);
  return found != nullptr && found->integers.size() == 1 ? found->integers[0] : usual;
}

bool OnnxNode::is_all(std::string_view attribute, std::int64_t number) const {
  const Attribute* found = find(attribute);
  return found == nullptr ||
         std::ranges::all_of(found->integers, [number](auto one) { return one == number; });
}

Result<OnnxGraph> OnnxGraph::read(Window& window) { return OnnxReader(window).read(); }

}  // namespace gradcam
