#include "gradcam/import/pytorch_tensors.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/import/script_modules.h"
#include "gradcam/tensor/text.h"

namespace gradcam::internal {
namespace {

using Kind = Pickle::Value::Kind;

constexpr std::size_t kMostVisited = 200'000;
constexpr std::string_view kParameter = "torch._utils _rebuild_parameter";
constexpr std::string_view kTensor = "torch._utils _rebuild_tensor";
constexpr std::string_view kTensorOfType = "torch._tensor _rebuild_from_type_v2";
constexpr std::string_view kScript = "__torch__.";  // before the classes of TorchScript
constexpr std::string_view kSequential = "container Sequential";
constexpr int kMostNesting = 16;

/// The element types of storages.
constexpr std::array kStorageClasses = {
    StorageClass{"torch FloatStorage", 4, DType::kF32},
    StorageClass{"torch HalfStorage", 2, DType::kF16},
    StorageClass{"torch BFloat16Storage", 2, DType::kBF16},
    StorageClass{"torch DoubleStorage", 8, DType::kF64},
    StorageClass{"torch LongStorage", 8, {}},
    StorageClass{"torch IntStorage", 4, {}},
    StorageClass{"torch ShortStorage", 2, {}},
    StorageClass{"torch CharStorage", 1, {}},
    StorageClass{"torch ByteStorage", 1, {}},
    StorageClass{"torch BoolStorage", 1, {}},
};

constexpr std::size_t kMostName = 500;
constexpr std::size_t kMostTensors = 1000;  // a VGG16 with batch normalisation has some 100

/// The tensors in a pickle, by their names with dots between, in its order.
class PyTorchReader {
 public:
  PyTorchReader(const Pickle& pickle, FindStorage find_storage)
      : pickle_(&pickle), find_storage_(std::move(find_storage)) {}

  Result<PyTorchTensors> read() {
    // A checkpoint may hold all kinds of tensors beside the state_dict.
    const auto state = find_state(pickle_->root(), 0);
    visited_ = 0;
    if (state) {
      for (const auto& [name, child] : pickle_->pairs(*state)) {
        GRADCAM_CHECK_OK(check_amount(name.size(), 0));
        if (name.ends_with(".weight") || name.ends_with(".bias")) {
          GRADCAM_CHECK_OK(check_parameter(child, name));
        }
        if (is_tensor(child)) GRADCAM_CHECK_OK(add_tensor(child, without_wrappers(name)));
      }
    } else {
      GRADCAM_CHECK_OK(visit(pickle_->root(), "", 0));
      if (!ends_in_relu_.empty()) {
        return unlike(ends_in_relu_, "its last dense layer is followed by a ReLU");
      }
    }
    return PyTorchTensors{.tensors = std::move(tensors_),
                          .epsilons = std::move(epsilons_),
                          .behind_relu = std::move(behind_relu_),
                          .averages = averages_,
                          .has_sigmoid = has_sigmoid_,
                          .is_whole = !state,
                          .is_script = !state && is_of_script(maker(pickle_->root()))};
  }

 private:
  const Pickle::Value& value(Pickle::Index index) const { return pickle_->value(index); }

  /// The name of what was called to make an object; "" of anything else.
  std::string_view maker(Pickle::Index index) const {
    const Pickle::Value& object = value(index);
    if (object.kind != Kind::kObject) return "";
    const Pickle::Value& made_by = value(object.items[0]);
    if (made_by.kind != Kind::kPersistent) return made_by.text;
    // Without an archive, classes of modules come with their source: ("module", class, file, text).
    const std::vector<Pickle::Index>& id = value(made_by.items[0]).items;
    return id.size() > 1 ? std::string_view(value(id[1]).text) : "";
  }

  /// The kind of a module of PyTorch's own, "linear Linear" say; "" of anything else. TorchScript
  /// files call it "__torch__.torch.nn.modules.linear.___torch_mangle_6 Linear".
  std::string kind_of(Pickle::Index index) const {
    constexpr std::string_view kModules = "torch.nn.modules.";
    std::string_view made_by = maker(index);
    if (made_by.starts_with(kScript)) made_by.remove_prefix(kScript.size());
    if (!made_by.starts_with(kModules)) return "";
    std::string kind(made_by.substr(kModules.size()));
    const std::size_t mangled = kind.find(".___torch_mangle_");
    if (mangled != std::string::npos) kind.erase(mangled, kind.find(' ', mangled) - mangled);
    return kind;
  }

  /// A function that was called to make something, and its arguments.
  struct Call {
    std::string_view function;
    const std::vector<Pickle::Index>* arguments = nullptr;
  };

  /// The call that a tensor is made by, inside of those that make it a parameter, or give it a type
  /// or attributes of its own; no function for what is not made by a call.
  Call tensor_call(Pickle::Index index) const {
    if (value(index).kind != Kind::kObject) return {};
    Pickle::Index function = value(index).items[0];
    Pickle::Index arguments = value(index).items[1];
    constexpr int kMostWrapped = 4;
    for (int i = 0; i < kMostWrapped; ++i) {
      const std::string_view name = value(function).text;
      const std::vector<Pickle::Index>& given = value(arguments).items;
      if (name == kTensorOfType && given.size() > 2) {  // (function, type, arguments, state)
        function = given[0];
        arguments = given[2];
      } else if (name.starts_with(kParameter) && !given.empty() &&
                 value(given[0]).kind == Kind::kObject) {  // (tensor, ...)
        function = value(given[0]).items[0];
        arguments = value(given[0]).items[1];
      } else {
        break;
      }
    }
    return {value(function).text, &value(arguments).items};
  }

  bool is_tensor(Pickle::Index index) const {
    return tensor_call(index).function.starts_with(kTensor);
  }

  /// A layer whose weights are not read would not be there at all.
  Result<void> check_parameter(Pickle::Index index, std::string_view name) const {
    if (value(index).kind == Kind::kNone || is_tensor(index)) return {};
    const std::string made_by(tensor_call(index).function);
    return fail(ErrorCode::kUnsupportedFormat,
                "its " + quote(name) + " is no plain tensor" +
                    (made_by.empty() ? "" : ", but made by " + quote(made_by)) +
                    "; save it as one: .detach().clone()");
  }

  /// What is said again and again takes little of a file.
  /// @param name_bytes of the name of what comes next
  Result<void> check_amount(std::size_t name_bytes, int depth) {
    if (++visited_ <= kMostVisited && depth <= kMostNesting && name_bytes <= kMostName &&
        tensors_.size() < kMostTensors) {
      return {};
    }
    return bad_pytorch("it says more of its tensors than any VGG16 does");
  }

  /// The first state_dict of a VGG16 in a checkpoint.
  std::optional<Pickle::Index> find_state(Pickle::Index index, int depth) {
    if (visited_ > kMostVisited || depth > kMostNesting) return std::nullopt;
    visited_ += pickle_->length(index) + 1;
    const auto pairs = pickle_->pairs(index);
    for (const auto& [key, child] : pairs) {
      const bool is_name = key.size() <= kMostName && is_tensor(child);
      if (is_name && without_wrappers(key).ends_with(kFirstParameter)) return index;
    }
    for (const auto& [key, child] : pairs) {
      if (const auto found = find_state(child, depth + 1)) return found;
    }
    return std::nullopt;
  }

  /// DataParallel and its like put "module." before the names of what they wrap.
  static std::string without_wrappers(std::string_view name) {
    constexpr std::string_view kWrapper = "module.";
    std::string result;
    while (!name.empty()) {
      const std::size_t end = std::min(name.find('.'), name.size() - 1) + 1;
      if (name.substr(0, end) != kWrapper) result += name.substr(0, end);
      name.remove_prefix(end);
    }
    return result;
  }

  static std::string name_in(const std::string& module, std::string_view key) {
    return module.empty() ? std::string(key) : module + "." + std::string(key);
  }

  /// A whole model: modules in modules.
  Result<void> visit(Pickle::Index index, const std::string& name, int depth) {
    if (is_tensor(index)) return add_tensor(index, name);
    visited_ += pickle_->length(index);
    GRADCAM_CHECK_OK(check_amount(name.size(), depth));
    const auto pairs = pickle_->pairs(index);
    const auto epsilon = find(pairs, "eps");
    if (epsilon && value(*epsilon).kind == Kind::kFloat) {
      epsilons_[name] = static_cast<float>(value(*epsilon).real);
    }
    if (maker(index).contains("quantized")) {
      return unlike(name, "weights are quantised by PyTorch, which is not read");
    }
    const std::string kind = kind_of(index);
    if (!kind.empty()) GRADCAM_CHECK_OK(check_module(kind, name, pairs));
    if (kind.empty()) GRADCAM_CHECK_OK(check_own_module(maker(index), name, pairs));
    for (const auto& [key, child] : pairs) {
      // Modules keep what they have in drawers.
      GRADCAM_CHECK_OK(check_amount(name.size() + key.size(), depth));
      const bool is_drawer = key == "_modules" || key == "_parameters" || key == "_buffers";
      if (key == "_parameters") {
        for (const auto& [parameter, tensor] : pickle_->pairs(child)) {
          GRADCAM_CHECK_OK(check_parameter(tensor, name_in(name, parameter)));
        }
      }
      GRADCAM_CHECK_OK(visit(child, is_drawer ? name : name_in(name, key), depth + 1));
    }
    return kind == kSequential ? check_sequence(name, pairs) : Result<void>();
  }

  using Pairs = std::vector<std::pair<std::string_view, Pickle::Index>>;

  static std::optional<Pickle::Index> find(const Pairs& settings, std::string_view setting) {
    const auto found = std::ranges::find(settings, setting, &Pairs::value_type::first);
    return found == settings.end() ? std::nullopt : std::optional(found->second);
  }

  /// Whether a setting of a module, one number or one for each side, is this; one that is lacking
  /// is: TorchScript has them in its code.
  bool is_all(const Pairs& settings, std::string_view setting, std::int64_t number) const {
    const auto found = find(settings, setting);
    if (!found) return true;
    const Pickle::Value& one = value(*found);
    if (one.kind == Kind::kList) {
      return std::ranges::all_of(one.items, [&](Pickle::Index item) {
        return value(item).kind == Kind::kInt && value(item).number == number;
      });
    }
    return one.kind == Kind::kInt && one.number == number;
  }

  /// What is not said is as it was before it could be.
  bool pads_with_zeros(const Pairs& settings) const {
    const auto mode = find(settings, "padding_mode");
    return !mode || value(*mode).text == "zeros";
  }

  static std::unexpected<Error> unlike(const std::string& sequence, const std::string& what) {
    return fail(ErrorCode::kUnsupportedFormat, "in " + quote(sequence) + " " + what);
  }

  /// A module in a Sequential.
  struct Part {
    std::string kind;  ///< "linear Linear", say
    std::string name;
  };

  /// Adds the modules of a Sequential, and of those in it, in the order of the forward pass.
  void add_parts(const std::string& name, const Pairs& settings, std::vector<Part>& parts) const {
    const auto drawer = find(settings, "_modules");
    // TorchScript has no drawers.
    for (const auto& [key, child] : drawer ? pickle_->pairs(*drawer) : settings) {
      Part part{kind_of(child), name_in(name, key)};
      if (part.kind == kSequential) {  // `visit` has been in it: it is not too deep
        add_parts(part.name, pickle_->pairs(child), parts);
      } else {
        parts.push_back(std::move(part));
      }
    }
  }

  /// Whether what is between convolutions, and between dense layers, is what a VGG16 has there.
  Result<void> check_sequence(const std::string& name, const Pairs& settings) {
    std::vector<Part> parts;
    add_parts(name, settings, parts);
    if (name == "features" || name.ends_with(".features")) return check_features(name, parts);
    std::size_t relus = 0;
    bool has_dense = false;
    bool has_softmax = false;
    for (const auto& [kind, part] : parts) {
      const bool is_norm = kind.starts_with("batchnorm ");
      if (has_softmax && (is_norm || kind == "linear Linear")) {
        return unlike(name, "a layer follows a Softmax or Sigmoid");
      }
      if (is_norm && has_dense) behind_relu_[part] = relus > 0;
      if (kind == "linear Linear") {
        if (has_dense && relus != 1) {
          return unlike(name, "a dense layer does not follow the one before by a ReLU");
        }
        has_dense = true;
        relus = 0;
      }
      if (kind == "activation ReLU") ++relus;
      has_softmax = has_softmax || kind.ends_with("Softmax") || kind.ends_with("Sigmoid");
    }
    if (has_dense && relus > 0) ends_in_relu_ = name;
    return {};
  }

  static Result<void> check_features(const std::string& name, const std::vector<Part>& parts) {
    std::vector<std::string_view> found;
    for (const auto& [kind, part] : parts) {
      if (is_one_of(kind.substr(0, kind.find(' ')), {"conv", "activation", "pooling", "linear"}) &&
          kind != "linear Identity") {
        found.push_back(kind);
      }
    }
    std::vector<std::string_view> expected;
    for (const int convs : kConvsOfBlock) {
      for (int i = 0; i < convs; ++i) {
        expected.insert(expected.end(), {"conv Conv2d", "activation ReLU"});
      }
      expected.push_back("pooling MaxPool2d");
    }
    if (found == expected) return {};
    GRADCAM_CHECK_OK(
        check_other_vgg(static_cast<std::size_t>(std::ranges::count(found, "conv Conv2d"))));
    return unlike(name, "convolutions, ReLUs and max-pools do not follow as they do in a VGG16");
  }

  /// Whether a normalisation has what it has seen in training, and not each photo's own values.
  bool has_statistics(const Pairs& settings) const {
    const auto buffers = find(settings, "_buffers");
    const auto mean = buffers ? pickle_->find(*buffers, "running_mean")  // else TorchScript
                              : find(settings, "running_mean");
    return mean && is_tensor(*mean);
  }

  bool pads(const Pairs& settings, std::int64_t positions) const {
    const auto padding = find(settings, "padding");
    const bool is_same = padding && value(*padding).text == "same";
    return is_same ? positions == 1 : is_all(settings, "padding", positions);
  }

  /// Whether a module of PyTorch's own, "pooling MaxPool2d" say, does what one of a VGG16 does.
  Result<void> check_module(std::string_view kind, const std::string& name, const Pairs& settings) {
    bool is_usual = true;
    if (kind == "linear Linear") ends_in_relu_.clear();
    if (kind.starts_with("activation ")) {
      is_usual = kind == "activation ReLU" || kind == "activation Softmax" ||
                 kind == "activation LogSoftmax" || kind == "activation Sigmoid";
      has_sigmoid_ = has_sigmoid_ || kind == "activation Sigmoid";
    } else if (kind == "pooling MaxPool2d") {
      is_usual = is_all(settings, "kernel_size", 2) && is_all(settings, "stride", 2) &&
                 is_all(settings, "padding", 0) && is_all(settings, "dilation", 1);
    } else if (kind == "conv Conv2d") {
      // Of other sides are dense layers, as timm has them, or what has not a VGG16's shape.
      const bool is_conv = is_all(settings, "kernel_size", 3);
      is_usual = is_all(settings, "stride", 1) && pads(settings, is_conv ? 1 : 0) &&
                 is_all(settings, "dilation", 1) && is_all(settings, "groups", 1) &&
                 pads_with_zeros(settings);
    } else if (kind.starts_with("batchnorm ")) {
      is_usual = has_statistics(settings);
    } else if (kind == "pooling AdaptiveAvgPool2d") {
      // One position is the mean of all; of seven, as torchvision has them, each is left as it is.
      // Behind dense layers, as in timm's head, there is one anyway.
      const bool is_mean = find(settings, "output_size") && is_all(settings, "output_size", 1);
      averages_ = averages_ || (is_mean && !has_dense_);
      is_usual = is_mean || is_all(settings, "output_size", 7);
    } else {
      // What computes nothing, when nothing is trained, or is no part of the network.
      is_usual =
          is_one_of(kind, {"linear Linear", "linear Identity", "module Module"}) ||
          is_one_of(kind.substr(0, kind.find(' ')), {"container", "dropout", "flatten", "loss"});
    }
    if (is_usual) return {};
    return fail(ErrorCode::kUnsupportedFormat,
                "it has " + quote(kind.substr(kind.find(' ') + 1)) + " at " + quote(name) +
                    ", of a kind or with settings that a VGG16 has not");
  }

  /// A module of the model's own that has neither modules nor tensors computes something all the
  /// same: normalises, say. Only of those that tutorials write is it known that they do not.
  Result<void> check_own_module(std::string_view made_by, const std::string& name,
                                const Pairs& settings) {
    const bool is_script = is_of_script(made_by);  // without drawers
    bool is_module = is_script;
    for (const auto& [key, drawer] : settings) {
      if (is_script && value(drawer).kind == Kind::kObject) return {};
      if (key == "_modules") is_module = true;
      const bool has_contents = key == "_modules" || key == "_parameters" || key == "_buffers";
      if (!has_contents) continue;
      visited_ += pickle_->length(drawer);
      GRADCAM_CHECK_OK(check_amount(name.size(), 0));
      if (!pickle_->pairs(drawer).empty()) return {};
    }
    constexpr std::array kWithoutEffect = {"Flatten", "View", "Reshape", "Identity", "Loss"};
    if (!is_module || std::ranges::any_of(kWithoutEffect, [&](const char* known) {
          return made_by.contains(known);
        })) {
      return {};
    }
    if (is_script && name.empty()) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "its weights are in its code, as torch.jit.freeze leaves them; save the model as "
                  "it was before");
    }
    return unlike(name, "is a " + quote(made_by.substr(made_by.find(' ') + 1)) +
                            " of the model's own; what it computes is not in the file");
  }

  /// Whether a list of numbers is of weights of classes, say, which only training needs.
  static bool is_of_loss(std::string_view name) {
    name = name.substr(0, name.rfind('.'));
    name = name.substr(name.rfind('.') + 1);
    return name.contains("loss") || name.contains("criterion");
  }

  /// _rebuild_tensor_v2(storage, offset, sides, strides, ...)
  Result<void> add_tensor(Pickle::Index index, const std::string& name) {
    const std::vector<Pickle::Index>& call = *tensor_call(index).arguments;
    const auto storage = call.size() < 4 ? std::nullopt : read_storage(*pickle_, value(call[0]));
    if (!storage) return bad_pytorch("its tensor " + quote(name) + " is damaged");
    if (!storage->kind.dtype) return {};  // a counter
    if (value(call[2]).items.size() <= 1 && is_of_loss(name)) return {};
    ForeignArray array{.name = name, .dtype = *storage->kind.dtype};
    has_dense_ = has_dense_ || !name.contains("features.");
    const Pickle::Value& sides = value(call[2]);
    const Pickle::Value& strides = value(call[3]);
    if (sides.items.size() > kMostForeignRank || strides.items.size() != sides.items.size()) {
      return bad_pytorch("its tensor " + quote(name) + " is damaged");
    }
    std::int64_t stride = 1;
    bool is_dense = true;
    for (std::size_t i = sides.items.size(); i-- > 0;) {
      const std::int64_t side = value(sides.items[i]).number;
      if (side < 0 || side > kMostForeignSide || stride > (std::int64_t{1} << 60) / (side + 1)) {
        return bad_pytorch("its tensor " + quote(name) + " is too large");
      }
      is_dense = is_dense && (side == 1 || value(strides.items[i]).number == stride);
      stride *= side;
      array.shape.insert(array.shape.begin(), static_cast<std::size_t>(side));
    }
    if (!is_dense) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "its tensor " + quote(name) +
                      " lies in memory in another order than its shape says; save contiguous() "
                      "tensors");
    }
    const std::int64_t offset = value(call[1]).number;
    if (offset < 0 || storage->elements < offset || storage->elements - offset < stride) {
      return bad_pytorch("its tensor " + quote(name) + " reaches past its storage");
    }
    GRADCAM_TRY(const std::uint64_t begin, find_storage_(storage->key));
    array.begin = begin + static_cast<std::uint64_t>(offset) * dtype_size(array.dtype);
    tensors_.push_back(std::move(array));
    return {};
  }

  const Pickle* pickle_;
  FindStorage find_storage_;
  std::vector<ForeignArray> tensors_;
  std::map<std::string, float> epsilons_;
  std::map<std::string, bool> behind_relu_;
  bool averages_ = false;
  bool has_sigmoid_ = false;
  bool has_dense_ = false;    // whether a tensor of the top has come
  std::string ends_in_relu_;  // the Sequential, if that follows the last dense layer so far
  std::size_t visited_ = 0;
};

}  // namespace

std::unexpected<Error> bad_pytorch(const std::string& what) {
  return fail(ErrorCode::kCorruptModel, "it is no file of weights of PyTorch: " + what);
}

std::optional<Storage> read_storage(const Pickle& pickle, const Pickle::Value& value) {
  constexpr std::size_t kParts = 5;
  if (value.kind != Kind::kPersistent) return std::nullopt;
  const std::vector<Pickle::Index>& id = pickle.value(value.items[0]).items;
  if (id.size() < kParts) return std::nullopt;
  const std::string_view name = pickle.value(id[1]).text;
  const auto kind = std::ranges::find(kStorageClasses, name, &StorageClass::name);
  if (kind == kStorageClasses.end()) return std::nullopt;
  return Storage{*kind, pickle.value(id[2]).text, pickle.value(id[4]).number};
}

Result<PyTorchTensors> read_pytorch_tensors(const Pickle& pickle, FindStorage find_storage) {
  return PyTorchReader(pickle, std::move(find_storage)).read();
}

}  // namespace gradcam::internal
