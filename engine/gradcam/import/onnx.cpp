#include "gradcam/import/onnx.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradcam/import/onnx_graph.h"
#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

using internal::quote;

/// Follows the operators of a graph, and makes a VGG16 of them.
class OnnxFollower {
 public:
  OnnxFollower(const OnnxGraph& graph, Window& window) : graph_(&graph), window_(&window) {}

  Result<ForeignVgg16> follow() {
    GRADCAM_CHECK_OK(begin());
    GRADCAM_CHECK_OK(check_other_vgg(convs_of_blocks()));
    for (std::size_t i = 0; i <= graph_->nodes.size(); ++i) {
      GRADCAM_TRY(const OnnxNode* node, next());
      // What comes of the logits does not count.
      const bool has_logits = !network_.dense.empty() && !is_activated_;
      if (node == nullptr || (has_logits && is_one_of(node->kind, {"ArgMax", "TopK"}))) break;
      if (is_one_of(node->kind, {"Softmax", "LogSoftmax", "Sigmoid"})) {
        GRADCAM_CHECK_OK(end(*node));
        GRADCAM_CHECK_OK(check_behind(*node));
        break;
      }
      GRADCAM_CHECK_OK(take(*node));
      if (node->outputs.empty()) break;
      value_ = node->outputs[0];
    }
    return finish();
  }

 private:
  static std::unexpected<Error> unlike(const OnnxNode& node, const std::string& what) {
    return unlike_vgg16("operator", node.name.empty() ? node.kind : node.name, what);
  }

  /// The input, of which there must be one.
  Result<void> begin() {
    const OnnxInput* image = nullptr;
    for (const OnnxInput& input : graph_->inputs) {
      if (graph_->constants.contains(input.name)) continue;  // as in the first versions of ONNX
      if (image != nullptr) {
        return fail(ErrorCode::kUnsupportedFormat, "it has the inputs " + quote(image->name) +
                                                       " and " + quote(input.name) +
                                                       ", where a VGG16 has one");
      }
      image = &input;
    }
    if (image == nullptr) return fail(ErrorCode::kCorruptModel, "it has no input");
    value_ = image->name;
    const std::vector<std::int64_t>& sides = image->sides;
    if (sides.size() == 4) {
      channels_last_ = sides[1] != 3 && sides[3] == 3;
      const std::int64_t height = sides[channels_last_ ? 1 : 2];
      const std::int64_t width = sides[channels_last_ ? 2 : 3];
      if (height != width) {
        return fail(ErrorCode::kUnsupportedFormat,
                    "its input " + quote(image->name) + " is no square");
      }
      if (height > 0 && height <= kMaxPreprocessSide) network_.side = static_cast<int>(height);
    }
    // Else what torchvision's are trained with, as are those that others made of them.
    const bool is_keras =
        graph_->producer.contains("tf2onnx") || graph_->producer.contains("keras");
    if (is_keras) network_.preprocess = kKerasPreprocess;
    return {};
  }

  /// Those of the top have kernels of other sides.
  std::size_t convs_of_blocks() const {
    return static_cast<std::size_t>(std::ranges::count_if(graph_->nodes, [&](const auto& node) {
      const OnnxTensor* kernel = node.kind == "Conv" ? constant(node, 1) : nullptr;
      return kernel != nullptr && kernel->shape.size() == 4 && kernel->shape[2] == 3 &&
             kernel->shape[3] == 3;
    }));
  }

  /// The operator that takes the present value; nullptr if there is none.
  Result<const OnnxNode*> next() const {
    const OnnxNode* found = nullptr;
    for (const OnnxNode& node : graph_->nodes) {
      const bool takes = std::ranges::find(node.inputs, value_) != node.inputs.end();
      if (!takes || node.kind == "Shape") continue;
      if (found != nullptr) {
        return unlike(node, "takes what " + quote(found->name.empty() ? found->kind : found->name) +
                                " takes, too");
      }
      found = &node;
    }
    return found;
  }

  Result<void> take(const OnnxNode& node) {
    const std::string& kind = node.kind;
    if (is_one_of(kind, {"Identity", "Dropout", "Cast"})) return {};
    if (kind == "Transpose") return transpose(node);
    if (kind == "Conv") return take_conv(node);
    if (kind.contains("Quantize") || kind.starts_with("Q")) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "it is quantised, by " + quote(kind) + "; what it was before is read");
    }
    if (network_.convs.empty()) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "its operator " + quote(kind) +
                      " comes before the convolutions; export the "
                      "network alone, of pixels as it was trained on them");
    }
    if (kind == "Add") return take_bias(node);
    GRADCAM_CHECK_OK(check_bias(node));
    if (kind == "Relu") return take_relu(node);
    if (kind == "BatchNormalization") return take_norm(node);
    if (kind == "MaxPool") return take_max_pool(node);
    if (blocks_ < kConvsOfBlock.size()) return unlike(node, "(" + kind + ") is among convolutions");
    if (is_one_of(kind, {"AveragePool", "GlobalAveragePool", "ReduceMean"})) {
      return take_average(node);
    }
    if (is_one_of(kind, {"Flatten", "Reshape", "Squeeze"})) return flatten(node);
    if (is_one_of(kind, {"Gemm", "MatMul"})) return take_dense(node);
    return unlike(node, "is of the kind " + quote(kind));
  }

  const OnnxTensor* constant(const OnnxNode& node, std::size_t input) const {
    if (input >= node.inputs.size()) return nullptr;
    const auto found = graph_->constants.find(node.inputs[input]);
    return found == graph_->constants.end() ? nullptr : &found->second;
  }

  /// A weight of an operator.
  Result<ForeignArray> weight(const OnnxNode& node, std::size_t input) const {
    const OnnxTensor* tensor = constant(node, input);
    if (tensor != nullptr) return array_of(*tensor, *window_);
    return unlike(node, "has no weights in the file");
  }

  /// A number for each channel, which may have sides of one position around it.
  Result<ForeignArray> channel_numbers(const OnnxNode& node, std::size_t input) const {
    GRADCAM_TRY(ForeignArray array, weight(node, input));
    std::erase(array.shape, std::size_t{1});
    if (array.shape.empty()) array.shape = {1};
    return array;
  }

  Result<void> transpose(const OnnxNode& node) {
    static const std::vector<std::int64_t> kToChannelsLast = {0, 2, 3, 1};
    static const std::vector<std::int64_t> kToChannelsFirst = {0, 3, 1, 2};
    const OnnxNode::Attribute* order = node.find("perm");
    const bool is_known = order != nullptr && !is_flat_ &&
                          order->integers == (channels_last_ ? kToChannelsFirst : kToChannelsLast);
    if (!is_known) return unlike(node, "brings a map into another order");
    channels_last_ = !channels_last_;
    return {};
  }

  Result<void> take_conv(const OnnxNode& node) {
    const bool is_behind_conv = network_.convs.empty() || is_activated_ || convs_ == 0;
    const OnnxNode::Attribute* padding = node.find("auto_pad");
    const bool is_same = padding != nullptr && padding->text.starts_with("SAME");
    const bool is_padded = is_same || (node.find("pads") != nullptr && node.is_all("pads", 1));
    if (!is_behind_conv || blocks_ == kConvsOfBlock.size() || channels_last_) {
      return unlike(node, "is a convolution at another place");
    }
    if (!is_padded || !node.is_all("strides", 1) || !node.is_all("dilations", 1) ||
        node.integer("group", 1) != 1) {
      return unlike(node, "has strides, padding or groups of its own");
    }
    ForeignLayer conv;
    GRADCAM_TRY(conv.weight, weight(node, 1));
    if (node.inputs.size() > 2) {
      GRADCAM_TRY(conv.bias, channel_numbers(node, 2));
    }
    network_.convs.push_back(std::move(conv));
    is_activated_ = false;
    ++convs_;
    return {};
  }

  /// The layer that was last.
  ForeignLayer& layer() {
    return network_.dense.empty() ? network_.convs.back() : network_.dense.back();
  }

  /// The bias of a layer that has none of its own.
  Result<void> take_bias(const OnnxNode& node) {
    const std::size_t other = !node.inputs.empty() && node.inputs[0] == value_ ? 1 : 0;
    if (is_activated_ || layer().norm || !layer().bias.shape.empty()) {
      return unlike(node, "adds what is no bias");
    }
    GRADCAM_TRY(layer().bias, channel_numbers(node, other));
    return {};
  }

  Result<void> check_bias(const OnnxNode& node) {
    if (!layer().bias.shape.empty()) return {};
    return unlike(node, "follows a layer without a bias");
  }

  Result<void> take_relu(const OnnxNode& node) {
    if (is_activated_) return unlike(node, "does not follow a layer with weights");
    is_activated_ = true;
    return {};
  }

  Result<void> take_norm(const OnnxNode& node) {
    const OnnxNode::Attribute* epsilon = node.find("epsilon");
    ForeignNorm norm;
    if (epsilon != nullptr) norm.epsilon = epsilon->number;
    std::size_t input = 1;
    for (ForeignArray* array :
         {&norm.scale.emplace(), &norm.shift.emplace(), &norm.mean, &norm.variance}) {
      GRADCAM_TRY(*array, channel_numbers(node, input++));
    }
    if (!is_activated_) {
      if (layer().norm) return unlike(node, "follows another one");
      layer().norm = std::move(norm);
      return {};
    }
    if (blocks_ < kConvsOfBlock.size() || input_norm_ || channels_last_) {
      return unlike(node, "normalises what a VGG16 does not");
    }
    input_norm_ = std::move(norm);
    return {};
  }

  Result<void> take_max_pool(const OnnxNode& node) {
    const bool is_whole = is_whole_grid(network_.side.value_or(0));
    const OnnxNode::Attribute* padding = node.find("auto_pad");
    const bool is_padded = padding != nullptr && padding->text.starts_with("SAME");
    const OnnxNode::Attribute* window = node.find("kernel_shape");
    const bool is_usual = window != nullptr && node.is_all("kernel_shape", 2) &&
                          node.find("strides") != nullptr && node.is_all("strides", 2) &&
                          node.is_all("pads", 0) && node.is_all("dilations", 1) &&
                          (is_whole || (!is_padded && node.integer("ceil_mode", 0) == 0));
    if (!is_usual || !is_activated_ || channels_last_ || blocks_ == kConvsOfBlock.size() ||
        convs_ != kConvsOfBlock[blocks_]) {
      return unlike(node, "pools where or as a VGG16 does not");
    }
    ++blocks_;
    convs_ = 0;
    return {};
  }

  /// An average over all positions, or over one.
  Result<void> take_average(const OnnxNode& node) {
    if (!network_.dense.empty() || is_flat_ || network_.averages) {
      return unlike(node, "averages where a VGG16 does not");
    }
    if (node.kind == "AveragePool") {
      if (channels_last_) return unlike(node, "averages another map than block5's");
      const OnnxNode::Attribute* window = node.find("kernel_shape");
      if (window != nullptr && node.is_all("kernel_shape", 1) && node.is_all("strides", 1))
        return {};
      const bool is_whole = window != nullptr && network_.side && node.is_all("pads", 0) &&
                            node.is_all("kernel_shape", grid_of(*network_.side));
      if (!is_whole) return unlike(node, "averages parts of a map");
    } else if (node.kind == "ReduceMean") {
      GRADCAM_TRY(auto axes, axes_of(node));
      for (std::int64_t& axis : axes) axis += axis < 0 ? 4 : 0;
      std::ranges::sort(axes);
      const std::int64_t first = channels_last_ ? 1 : 2;
      if (axes != std::vector<std::int64_t>{first, first + 1}) {
        return unlike(node, "averages over other axes than rows and columns");
      }
    } else if (channels_last_) {
      return unlike(node, "averages another map than block5's");
    }
    network_.averages = true;
    return {};
  }

  /// The axes of an operator, which are an attribute or, in later versions, an input.
  Result<std::vector<std::int64_t>> axes_of(const OnnxNode& node) const {
    if (const OnnxNode::Attribute* axes = node.find("axes")) return axes->integers;
    const OnnxTensor* tensor = constant(node, 1);
    if (tensor != nullptr) return integers_of(*tensor, *window_);
    return std::vector<std::int64_t>();
  }

  /// Any new shape is one row, or it would not fit the dense layer behind it.
  Result<void> flatten(const OnnxNode& node) {
    if (node.kind == "Flatten" && node.integer("axis", 1) != 1) {
      return unlike(node, "flattens another axis");
    }
    if (!is_flat_) network_.channels_last = channels_last_;
    is_flat_ = true;
    return {};
  }

  Result<void> take_dense(const OnnxNode& node) {
    if (!is_flat_ && !network_.averages) return unlike(node, "takes a map that is not flattened");
    if (!is_activated_) return unlike(node, "follows a dense layer without a ReLU");
    ForeignLayer dense;
    GRADCAM_TRY(dense.weight, weight(node, 1));
    dense.by_columns = node.kind == "MatMul" || node.integer("transB", 0) == 0;
    if (constant(node, 1)->is_turned) dense.by_columns = !dense.by_columns;
    const auto is_one = [&node](std::string_view factor) {
      const OnnxNode::Attribute* found = node.find(factor);
      return found == nullptr || found->number == 1;
    };
    if (!is_one("alpha") || !is_one("beta") || node.integer("transA", 0) != 0) {
      return unlike(node, "multiplies in a way of its own");
    }
    if (node.inputs.size() > 2) {
      GRADCAM_TRY(dense.bias, channel_numbers(node, 2));
    }
    dense.input_norm = std::exchange(input_norm_, {});
    network_.dense.push_back(std::move(dense));
    is_activated_ = false;
    return {};
  }

  /// What makes probabilities of the logits.
  Result<void> end(const OnnxNode& node) {
    if (network_.dense.empty() || is_activated_) return unlike(node, "does not follow the logits");
    // Of a single logit it is a softmax.
    const Shape& bias = layer().bias.shape;
    if (node.kind == "Sigmoid" && bias != Shape{1}) {
      return unlike(node, "is a sigmoid of several outputs");
    }
    return {};
  }

  /// Whether probabilities stay as they are, or are only chosen from: 1 - p, say, is of the other
  /// class.
  Result<void> check_behind(const OnnxNode& end) const {
    std::vector<std::string_view> same(end.outputs.begin(), end.outputs.end());
    for (const OnnxNode& node : graph_->nodes) {
      const bool takes = std::ranges::any_of(node.inputs, [&](const std::string& input) {
        return std::ranges::find(same, input) != same.end();
      });
      if (!takes || is_one_of(node.kind, {"ArgMax", "TopK", "ReduceMax", "Shape", "ZipMap"})) {
        continue;
      }
      if (!is_one_of(node.kind, {"Identity", "Cast", "Reshape", "Flatten", "Squeeze"})) {
        return unlike(node, "(" + node.kind + ") changes probabilities");
      }
      same.insert(same.end(), node.outputs.begin(), node.outputs.end());
    }
    return {};
  }

  Result<ForeignVgg16> finish() {
    GRADCAM_CHECK_OK(check_blocks(blocks_, "MaxPool"));
    const auto has_weights = [](const OnnxNode& node) {
      return is_one_of(node.kind, {"Conv", "Gemm", "MatMul"});
    };
    if (std::cmp_not_equal(std::ranges::count_if(graph_->nodes, has_weights),
                           network_.convs.size() + network_.dense.size())) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "it has more layers than those that lead from its input to its logits");
    }
    if (layer().bias.shape.empty()) {
      return fail(ErrorCode::kUnsupportedFormat, "it ends with a layer without a bias");
    }
    if (input_norm_ || (!network_.dense.empty() && is_activated_)) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "it does not end with a dense layer, whose outputs are the logits");
    }
    return std::move(network_);
  }

  const OnnxGraph* graph_;
  Window* window_;
  ForeignVgg16 network_;
  std::string value_;           // that the next operator takes
  bool channels_last_ = false;  // of a map as it is now
  bool is_flat_ = false;
  bool is_activated_ = false;  // whether a ReLU has followed the last layer
  int convs_ = 0;              // since the last pooling
  std::size_t blocks_ = 0;     // that ended with one
  std::optional<ForeignNorm> input_norm_;
};

}  // namespace

bool begins_as_onnx(std::span<const std::uint8_t> first_bytes) {
  // ir_version, a small number, and the field behind it.
  constexpr std::uint8_t kVersion = 1 << 3;
  constexpr std::uint8_t kMostVersion = 0x7f;
  constexpr std::array<std::uint8_t, 8> kNext = {0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72};
  return first_bytes.size() >= 3 && first_bytes[0] == kVersion && first_bytes[1] > 0 &&
         first_bytes[1] <= kMostVersion && std::ranges::find(kNext, first_bytes[2]) != kNext.end();
}

Result<ForeignVgg16> read_onnx(Window& window) {
  GRADCAM_TRY(const OnnxGraph graph, OnnxGraph::read(window));
  return OnnxFollower(graph, window).follow();
}

}  // namespace gradcam
