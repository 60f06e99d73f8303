#include "import/pytorch.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/weights/names.h"
#include "gradcam/weights/quote.h"
#include "import/pickle.h"

namespace gradcam {
namespace {

using internal::quote;
using Kind = Pickle::Value::Kind;

constexpr std::size_t kMostParameters = 20'000;
constexpr int kMostNesting = 16;

std::unexpected<Error> bad_pytorch(const std::string& what) {
  return fail(ErrorCode::kCorruptModel, "it is no file of weights of PyTorch: " + what);
}

/// The element types of storages.
struct StorageClass {
  std::string_view name;
  std::size_t bytes;
  std::optional<DType> dtype;  ///< of floats
};
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

/// What a pickle says of a storage: its tensors are elsewhere.
struct Storage {
  StorageClass kind;
  std::string key;
  std::int64_t elements = 0;
};

/// ("storage", class, key, device, elements, ...)
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

/// Where the numbers of a storage begin in the file.
using FindStorage = std::function<Result<std::uint64_t>(const std::string& key)>;

/// The parameters in a pickle, by their names with dots between.
class PyTorchReader {
 public:
  PyTorchReader(const Pickle& pickle, FindStorage find_storage)
      : pickle_(&pickle), find_storage_(std::move(find_storage)) {}

  Result<std::map<std::string, ForeignArray>> parameters() {
    GRADCAM_CHECK_OK(visit(pickle_->root(), "", 0));
    return std::move(parameters_);
  }

 private:
  const Pickle::Value& value(Pickle::Index index) const { return pickle_->value(index); }

  /// The name of what was called to make an object; "" of anything else.
  std::string_view maker(Pickle::Index index) const {
    const Pickle::Value& object = value(index);
    return object.kind == Kind::kObject ? std::string_view(value(object.items[0]).text) : "";
  }

  /// The arguments of that call.
  const std::vector<Pickle::Index>& arguments(Pickle::Index object) const {
    return value(value(object).items[1]).items;
  }

  Result<void> visit(Pickle::Index index, const std::string& name, int depth) {
    const std::string_view made_by = maker(index);
    if (made_by == "torch._utils _rebuild_parameter" && !arguments(index).empty()) {
      return visit(arguments(index)[0], name, depth);
    }
    if (made_by.starts_with("torch._utils _rebuild_tensor")) return add_tensor(index, name);
    if (depth > kMostNesting || ++visited_ > kMostParameters) return {};
    for (const auto& [key, child] : pickle_->pairs(index)) {
      // An optimizer keeps tensors, too; modules keep theirs in drawers of their own.
      if (key.starts_with("optimizer")) continue;
      const bool is_drawer = key == "_modules" || key == "_parameters" || key == "_buffers";
      const std::string inner = is_drawer      ? name
                                : name.empty() ? std::string(key)
                                               : name + "." + std::string(key);
      GRADCAM_CHECK_OK(visit(child, inner, depth + 1));
    }
    return {};
  }

  /// _rebuild_tensor_v2(storage, offset, sides, strides, ...)
  Result<void> add_tensor(Pickle::Index index, const std::string& name) {
    const std::vector<Pickle::Index>& call = arguments(index);
    const auto storage = call.size() < 4 ? std::nullopt : read_storage(*pickle_, value(call[0]));
    if (!storage) return bad_pytorch("its tensor " + quote(name) + " is damaged");
    if (!storage->kind.dtype) return {};  // a counter
    ForeignArray array{.name = name, .dtype = *storage->kind.dtype};
    const Pickle::Value& sides = value(call[2]);
    const Pickle::Value& strides = value(call[3]);
    constexpr std::size_t kMostRank = 8;
    if (sides.items.size() > kMostRank || strides.items.size() != sides.items.size()) {
      return bad_pytorch("its tensor " + quote(name) + " is damaged");
    }
    std::int64_t stride = 1;
    constexpr std::int64_t kMostSide = 1 << 30;
    bool is_dense = true;
    for (std::size_t i = sides.items.size(); i-- > 0;) {
      const std::int64_t side = value(sides.items[i]).number;
      if (side < 0 || side > kMostSide || stride > (std::int64_t{1} << 60) / (side + 1)) {
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
    parameters_[name] = std::move(array);
    return {};
  }

  const Pickle* pickle_;
  FindStorage find_storage_;
  std::map<std::string, ForeignArray> parameters_;
  std::size_t visited_ = 0;
};

/// "classifier.6.0": the numbers in it, by which layers are ordered.
std::vector<std::uint64_t> numbers_in(std::string_view name) {
  std::vector<std::uint64_t> numbers;
  bool in_number = false;
  for (const char c : name) {
    const bool is_digit = c >= '0' && c <= '9';
    if (is_digit && !in_number) numbers.push_back(0);
    if (is_digit) numbers.back() = numbers.back() * 10 + static_cast<std::uint64_t>(c - '0');
    in_number = is_digit;
  }
  return numbers;
}

using Parameters = std::map<std::string, ForeignArray>;

/// A layer, by where it is.
struct Found {
  std::size_t part;  ///< of the network, the first being the convolutions
  std::vector<std::uint64_t> numbers;
  ForeignLayer layer;
};

/// Batch normalisation of vgg16_bn, which numbers it as it does layers: each is of the convolution
/// before it. Notes what is used.
Result<void> find_norms(const Parameters& parameters, const std::string& folder,
                        std::vector<Found>& layers, std::set<std::string>& used) {
  constexpr std::string_view kMean = ".running_mean";
  constexpr float kUsualEpsilon = 1e-5f;  // of torch.nn.BatchNorm2d; files do not tell
  for (const auto& [name, mean] : parameters) {
    if (!name.starts_with(folder) || !name.ends_with(kMean)) continue;
    const std::string norm = name.substr(0, name.size() - kMean.size());
    const auto numbers = numbers_in(norm.substr(folder.size()));
    Found* conv = nullptr;
    for (Found& layer : layers) {
      if (layer.part == 0 && layer.numbers < numbers) conv = &layer;
    }
    const auto scale = parameters.find(norm + ".weight");
    const auto shift = parameters.find(norm + ".bias");
    const auto variance = parameters.find(norm + ".running_var");
    if (conv == nullptr || conv->layer.norm || scale == parameters.end() ||
        shift == parameters.end() || variance == parameters.end()) {
      return bad_pytorch("its batch normalisation " + quote(norm) + " is incomplete");
    }
    conv->layer.norm = {scale->second, shift->second, mean, variance->second, kUsualEpsilon};
    for (const auto& found : {scale->first, shift->first, name, variance->first}) {
      used.insert(found);
    }
  }
  return {};
}

/// The layers of a network in the order of the forward pass.
Result<ForeignVgg16> order_layers(Parameters parameters) {
  constexpr std::string_view kWeight = ".weight";
  constexpr std::string_view kBias = ".bias";
  constexpr std::string_view kFirst = "features.0.weight";
  parameters.erase("");  // a tensor alone
  if (parameters.empty()) return bad_pytorch("it holds no tensors by name, as a state_dict does");
  // What a checkpoint, several devices or a wrapper put before all names.
  const auto first = std::ranges::find_if(
      parameters, [&](const auto& parameter) { return parameter.first.ends_with(kFirst); });
  if (first == parameters.end()) {
    return fail(ErrorCode::kUnsupportedFormat,
                "it holds no VGG16 of torchvision or timm, which begins with " +
                    std::string(kFirst) + "; found is " + quote(parameters.begin()->first));
  }
  const std::string prefix = first->first.substr(0, first->first.size() - kFirst.size());

  // Those of timm behind one another.
  constexpr std::array<std::string_view, 4> kParts = {"features.", "pre_logits.", "classifier.",
                                                      "head."};
  std::vector<Found> layers;
  std::set<std::string> used;
  for (auto& [name, weight] : parameters) {
    if (!name.starts_with(prefix) || !name.ends_with(kWeight) || weight.shape.size() < 2) continue;
    const std::string layer = name.substr(0, name.size() - kWeight.size());
    const std::string_view inner = std::string_view(layer).substr(prefix.size());
    const auto part = std::ranges::find_if(
        kParts, [inner](std::string_view part) { return inner.starts_with(part); });
    const auto bias = parameters.find(layer + std::string(kBias));
    if (part == kParts.end()) continue;
    if (bias == parameters.end()) return bad_pytorch("it lacks " + layer + std::string(kBias));
    used.insert(name);
    used.insert(bias->first);
    layers.push_back({static_cast<std::size_t>(part - kParts.begin()),
                      numbers_in(inner),
                      {weight, bias->second}});
  }
  std::ranges::sort(layers, {},
                    [](const Found& found) { return std::pair(found.part, found.numbers); });
  GRADCAM_CHECK_OK(find_norms(parameters, prefix + std::string(kParts[0]), layers, used));
  for (const auto& [name, parameter] : parameters) {
    if (used.contains(name)) continue;
    const bool is_norm = name.ends_with(".running_mean") || name.ends_with(".running_var");
    return fail(ErrorCode::kUnsupportedFormat,
                "it has " + quote(name) + ", which a VGG16 has not" +
                    (is_norm ? " (batch normalisation is not part of it)" : ""));
  }
  std::ranges::sort(layers, {},
                    [](const Found& found) { return std::pair(found.part, found.numbers); });
  ForeignVgg16 network;
  network.layout = ForeignVgg16::Layout::kPyTorch;
  for (Found& found : layers) {
    ForeignLayer& layer = found.layer;
    const bool is_conv = found.part == 0;
    if (!is_conv && layer.weight.shape.size() == 4) {
      // timm's are convolutions over all of the map, or over one position.
      const Shape& shape = layer.weight.shape;
      layer.weight.shape = {shape[0], shape[1] * shape[2] * shape[3]};
    }
    (is_conv ? network.convs : network.dense).push_back(std::move(layer));
  }
  // Where each channel gives one number, that is what torchvision's adaptive average leaves.
  network.averages =
      !network.convs.empty() && !network.dense.empty() &&
      network.dense.front().weight.shape.back() == network.convs.back().weight.shape.front();
  return network;
}

}  // namespace

Result<ForeignVgg16> read_pytorch_archive(Window& window, const ZipDirectory& archive) {
  const std::string description = archive.ending_in(kPyTorchPickle);
  if (description.empty()) {
    return fail(ErrorCode::kUnsupportedFormat, "its archive has neither the " +
                                                   std::string(kPyTorchPickle) +
                                                   " of PyTorch nor the model.weights.h5 of Keras");
  }
  GRADCAM_TRY(const FileRange where, archive.find(window, description));
  GRADCAM_TRY(const auto bytes, window.read(where.begin, where.end - where.begin));
  GRADCAM_TRY(const Pickle pickle, Pickle::read(bytes));
  const std::string folder = description.substr(0, description.size() - kPyTorchPickle.size());
  const auto find_storage = [&](const std::string& key) -> Result<std::uint64_t> {
    GRADCAM_TRY(const FileRange storage, archive.find(window, folder + "data/" + key));
    return storage.begin;
  };
  GRADCAM_TRY(auto parameters, PyTorchReader(pickle, find_storage).parameters());
  return order_layers(std::move(parameters));
}

Result<ForeignVgg16> read_pytorch_legacy(Window& window) {
  // Pickles behind one another: a magic number, a version, the machine; what was saved; the keys of
  // its storages. Then those, each with the count of its elements before it.
  std::vector<Pickle> pickles;
  std::uint64_t at = 0;
  constexpr std::size_t kPickles = 5;
  for (std::size_t i = 0; i < kPickles; ++i) {
    // Most are short.
    for (std::uint64_t most = 16 << 10;; most *= 4) {
      const std::uint64_t left = window.file_bytes() - at;
      GRADCAM_TRY(const auto bytes, window.read(at, std::min(most, left)));
      Result<Pickle> pickle = Pickle::read(bytes);
      if (pickle) {
        at += pickle->bytes();
        pickles.push_back(*std::move(pickle));
        break;
      }
      constexpr std::uint64_t kMost = 1 << 20;
      if (most >= left || most >= kMost) return std::unexpected(pickle.error());
    }
  }
  std::map<std::string, Storage> storages;
  const Pickle& state = pickles[3];
  for (const Pickle::Value& value : state.values()) {
    if (const auto storage = read_storage(state, value)) storages[storage->key] = *storage;
  }
  std::map<std::string, std::uint64_t> begins;
  const Pickle& keys = pickles[4];
  for (const Pickle::Index index : keys.value(keys.root()).items) {
    const auto storage = storages.find(keys.value(index).text);
    constexpr std::uint64_t kCountBytes = 8;
    GRADCAM_TRY(const auto bytes, window.read(at, kCountBytes));
    const std::uint64_t elements = Cursor(bytes).uint(kCountBytes);
    if (storage == storages.end() ||
        elements != static_cast<std::uint64_t>(storage->second.elements) ||
        elements > window.file_bytes()) {
      return bad_pytorch("its storages are damaged, or of a kind that is not known");
    }
    at += kCountBytes;
    begins[storage->first] = at;
    at += elements * storage->second.kind.bytes;
  }
  const auto find_storage = [&begins](const std::string& key) -> Result<std::uint64_t> {
    const auto found = begins.find(key);
    if (found == begins.end()) return bad_pytorch("it lacks the storage " + quote(key));
    return found->second;
  };
  GRADCAM_TRY(auto parameters, PyTorchReader(state, find_storage).parameters());
  return order_layers(std::move(parameters));
}

}  // namespace gradcam
