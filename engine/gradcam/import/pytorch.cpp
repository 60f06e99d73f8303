#include "gradcam/import/pytorch.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gradcam/import/pickle.h"
#include "gradcam/import/pytorch_tensors.h"
#include "gradcam/import/script_network.h"
#include "gradcam/import/script_reader.h"
#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

using internal::bad_pytorch;
using internal::kFirstParameter;
using internal::PyTorchTensors;
using internal::quote;
using internal::read_pytorch_tensors;
using internal::read_storage;
using internal::Storage;

/// The tensors of a module.
struct Module {
  std::string name;
  std::map<std::string, ForeignArray, std::less<>> tensors;  ///< "weight", "bias", ...

  const ForeignArray* find(std::string_view tensor) const {
    const auto found = tensors.find(tensor);
    return found == tensors.end() ? nullptr : &found->second;
  }
};

std::unexpected<Error> not_of_vgg16(const std::string& name) {
  return fail(ErrorCode::kUnsupportedFormat, "it has " + quote(name) + ", which a VGG16 has not");
}

Result<std::vector<Module>> modules_of(std::vector<ForeignArray> tensors) {
  std::vector<Module> modules;
  for (ForeignArray& tensor : tensors) {
    const std::size_t dot = tensor.name.rfind('.');
    // A tensor of the model itself: the mean and deviation of colours, say.
    if (dot == std::string::npos) return not_of_vgg16(tensor.name);
    std::string name = tensor.name.substr(0, dot);
    std::string kind = tensor.name.substr(dot + 1);
    auto module = std::ranges::find(modules, name, &Module::name);
    if (module == modules.end()) {
      module = modules.insert(module, {.name = std::move(name), .tensors = {}});
    }
    module->tensors.insert_or_assign(std::move(kind), std::move(tensor));
  }
  return modules;
}

/// Where a module of this name comes in the forward pass, whatever order the file has: features by
/// their numbers, then others as they come, timm's head and what is outside of the prefix last.
std::size_t place_of(std::string_view name, std::string_view prefix) {
  constexpr std::string_view kFeatures = "features.";
  constexpr std::size_t kLast = std::numeric_limits<std::size_t>::max();
  if (!name.starts_with(prefix)) return kLast;
  name.remove_prefix(prefix.size());
  if (!name.starts_with(kFeatures)) return name.starts_with("head.") ? kLast : kLast - 1;
  name.remove_prefix(kFeatures.size());
  std::size_t number = 0;
  std::from_chars(name.data(), name.data() + name.size(), number);
  return number;
}

/// How many places behind its last convolution the next one may be, by what is between them.
std::size_t steps_behind(const ForeignVgg16& network) {
  std::size_t steps = network.convs.back().norm ? 3 : 2;
  std::size_t end = 0;  // of a block
  for (const int convs : kConvsOfBlock) {
    end += static_cast<std::size_t>(convs);
    if (network.convs.size() == end) ++steps;
  }
  return steps;
}

/// Whether a module comes right after another one in the same Sequential: "classifier.0",
/// "classifier.1".
bool is_next_to(std::string_view before, std::string_view module) {
  const auto number = [](std::string_view name) {
    const std::string_view digits = name.substr(name.rfind('.') + 1);
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool is_number = error == std::errc() && end == digits.data() + digits.size();
    return is_number ? std::optional(value) : std::nullopt;
  };
  const auto parent = [](std::string_view name) { return name.substr(0, name.rfind('.')); };
  const auto first = number(before);
  const auto second = number(module);
  return first && second && parent(before) == parent(module) && *second == *first + 1;
}

std::unexpected<Error> no_room(const std::string& module, const std::string& what) {
  return fail(ErrorCode::kUnsupportedFormat,
              "before " + quote(module) + " there is no room for " + what + " as a VGG16 has");
}

/// Whether the tensors of a layer are all read: others change what it computes.
Result<void> check_tensors(const Module& module, bool is_norm, bool is_whole) {
  for (const auto& [kind, tensor] : module.tensors) {
    const bool is_read = is_one_of(kind, {"weight", "bias"}) ||
                         (is_norm && is_one_of(kind, {"running_mean", "running_var"}));
    // Whole models that are pruned or normalised have the weight that is made of these.
    const std::string made = kind.substr(0, kind.find('_'));
    const bool is_made =
        is_whole && is_one_of(made, {"weight", "bias"}) && module.find(made) != nullptr &&
        (module.find(made + "_orig") != nullptr || module.find(made + "_g") != nullptr);
    if (is_read || is_made) continue;
    return fail(ErrorCode::kUnsupportedFormat,
                "it has " + quote(tensor.name) + ", where a VGG16's layers have weight and bias");
  }
  return {};
}

/// Batch normalisation, perhaps without scale and shift.
Result<ForeignNorm> norm_of(const Module& module, const std::map<std::string, float>& epsilons) {
  const ForeignArray* scale = module.find("weight");
  const ForeignArray* shift = module.find("bias");
  const ForeignArray* mean = module.find("running_mean");
  const ForeignArray* variance = module.find("running_var");
  if ((scale == nullptr) != (shift == nullptr) || mean == nullptr || variance == nullptr) {
    return bad_pytorch("its batch normalisation " + quote(module.name) + " is incomplete");
  }
  const auto epsilon = epsilons.find(module.name);
  ForeignNorm norm;
  if (scale != nullptr) norm.scale = *scale;
  if (shift != nullptr) norm.shift = *shift;
  norm.mean = *mean;
  norm.variance = *variance;
  if (epsilon != epsilons.end()) norm.epsilon = epsilon->second;
  return norm;
}

/// What a wrapper puts before all names.
Result<std::string> prefix_of(const std::vector<ForeignArray>& tensors) {
  const auto first = std::ranges::find_if(
      tensors, [](const ForeignArray& tensor) { return tensor.name.ends_with(kFirstParameter); });
  if (first != tensors.end()) {
    return first->name.substr(0, first->name.size() - kFirstParameter.size());
  }
  return fail(ErrorCode::kUnsupportedFormat,
              "it holds no VGG16 of torchvision or timm, which begins with " +
                  std::string(kFirstParameter) + "; found is " + quote(tensors.front().name));
}

/// Whether a module is a convolution of the blocks, not one of the top.
bool is_conv_of_block(const Module& module, std::string_view prefix) {
  const ForeignArray* weight = module.find("weight");
  return weight != nullptr && weight->shape.size() == 4 && module.name.starts_with(prefix) &&
         std::string_view(module.name).substr(prefix.size()).starts_with("features.");
}

/// Puts a network together from modules in the order of the forward pass.
class Assembly {
 public:
  /// What was found, and the prefix, must outlive it.
  Assembly(const PyTorchTensors& found, std::string_view prefix) : found_(found), prefix_(prefix) {
    network_.averages = found.averages;
    network_.is_of_modules = found.is_whole;
  }

  Result<void> add(const Module& module, std::size_t place) {
    const bool is_norm =
        module.find("running_mean") != nullptr || module.find("running_var") != nullptr;
    GRADCAM_CHECK_OK(check_tensors(module, is_norm, found_.is_whole));
    return is_norm ? add_norm(module, place) : add_layer(module, place);
  }

  Result<ForeignVgg16> finish() {
    if (input_norm_) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "it ends with the batch normalisation of " + quote(input_norm_->mean.name));
    }
    const auto& dense = network_.dense;
    if (found_.has_sigmoid && !dense.empty() && dense.back().bias.shape != Shape{1}) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "it has a Sigmoid of several outputs, each of which is a class on its own");
    }
    return std::move(network_);
  }

 private:
  Result<void> add_norm(const Module& module, std::size_t place) {
    GRADCAM_TRY(ForeignNorm norm, norm_of(module, found_.epsilons));
    const auto told = found_.behind_relu.find(module.name);
    const bool is_told = told != found_.behind_relu.end();
    std::optional<ForeignNorm>* of_layer = nullptr;  // or of what the next one takes
    if (network_.dense.empty()) {
      if (conv_at_ && place == *conv_at_ + 1) of_layer = &network_.convs.back().norm;
    } else if (is_told && told->second) {
      of_layer = &input_norm_;
    } else if (is_told || is_next_to(last_dense_, module.name)) {
      of_layer = &network_.dense.back().norm;
      last_dense_ = module.name;
    }
    if (of_layer == nullptr || *of_layer) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "its batch normalisation " + quote(module.name) +
                      " is not right behind a convolution or dense layer, before its ReLU");
    }
    *of_layer = std::move(norm);
    return {};
  }

  Result<void> add_layer(const Module& module, std::size_t place) {
    const ForeignArray* weight = module.find("weight");
    const ForeignArray* bias = module.find("bias");
    if (weight == nullptr) return not_of_vgg16(bias->name);
    const bool is_outside = !module.name.starts_with(prefix_);
    if (weight->shape.size() < 2 || (is_outside && weight->shape.size() != 2)) {
      return not_of_vgg16(module.name);
    }
    if (bias == nullptr) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "it lacks " + quote(module.name + ".bias") + "; a VGG16's layers have one");
    }
    const bool is_conv =
        !is_outside &&
        std::string_view(module.name).substr(prefix_.size()).starts_with("features.");
    ForeignLayer layer{.weight = *weight, .bias = *bias};
    return is_conv ? add_conv(module.name, std::move(layer), place)
                   : add_dense(module.name, std::move(layer));
  }

  Result<void> add_conv(const std::string& name, ForeignLayer layer, std::size_t place) {
    if (conv_at_ && place < *conv_at_ + steps_behind(network_)) {
      return no_room(name, "a ReLU, and a max-pool behind each block,");
    }
    conv_at_ = place;
    network_.convs.push_back(std::move(layer));
    return {};
  }

  Result<void> add_dense(const std::string& name, ForeignLayer layer) {
    if (layer.weight.shape.size() == 4) {
      // timm's are convolutions over all of the map, or over one position.
      const Shape shape = layer.weight.shape;
      layer.weight.shape = {shape[0], shape[1] * shape[2] * shape[3]};
    }
    if (!network_.dense.empty() && is_next_to(last_dense_, name)) return no_room(name, "a ReLU");
    last_dense_ = name;
    layer.input_norm = std::exchange(input_norm_, {});
    network_.dense.push_back(std::move(layer));
    return {};
  }

  const PyTorchTensors& found_;
  std::string_view prefix_;
  ForeignVgg16 network_;
  std::optional<std::size_t> conv_at_;  // the last one's place
  std::string last_dense_;              // or its normalisation
  std::optional<ForeignNorm> input_norm_;
};

/// The network that is made of tensors in the order of the forward pass, which is that in which
/// its modules were made.
Result<ForeignVgg16> network_of(PyTorchTensors found) {
  std::vector<ForeignArray>& tensors = found.tensors;
  std::erase_if(tensors, [](const ForeignArray& tensor) { return tensor.name.empty(); });
  if (tensors.empty()) return bad_pytorch("it holds no tensors by name, as a state_dict does");
  GRADCAM_TRY(const std::string prefix, prefix_of(tensors));
  GRADCAM_TRY(const std::vector<Module> modules, modules_of(std::move(tensors)));
  GRADCAM_CHECK_OK(check_other_vgg(static_cast<std::size_t>(std::ranges::count_if(
      modules, [&](const Module& module) { return is_conv_of_block(module, prefix); }))));
  std::multimap<std::size_t, const Module*> in_order;
  for (const Module& module : modules) in_order.emplace(place_of(module.name, prefix), &module);
  Assembly assembly(found, prefix);
  for (const auto& [place, module] : in_order) GRADCAM_CHECK_OK(assembly.add(*module, place));
  return assembly.finish();
}

/// As much of a file as a pickle may take, and a byte, which tells that it takes more.
constexpr std::uint64_t kMostOfPickle = Pickle::kMostBytes + 1;

/// The pickle at the beginning of a part of a file, which is tried with so many bytes first.
Result<const Pickle*> read_pickle(Window& window, FileRange where, std::uint64_t first,
                                  KnownPickles& known) {
  if (const auto found = known.find(where.begin); found != known.end()) return &found->second;
  const std::uint64_t left = where.end - where.begin;
  for (std::uint64_t most = first;; most *= 4) {
    GRADCAM_TRY(const auto bytes, window.read(where.begin, std::min({most, left, kMostOfPickle})));
    Result<Pickle> pickle = Pickle::read(bytes);
    if (pickle) return &known.emplace(where.begin, *std::move(pickle)).first->second;
    if (most >= left || most >= kMostOfPickle) return std::unexpected(pickle.error());
  }
}

/// Whether it begins as torch.save begins where it makes no archive; other pickles do not.
Result<void> check_magic(Window& window) {
  constexpr std::uint64_t kMagic = 0xa86a20f9469cfc6c;  // its lowest bytes
  constexpr std::uint64_t kMagicBytes = 64;
  GRADCAM_TRY(const auto bytes, window.read(0, std::min(window.file_bytes(), kMagicBytes)));
  const Result<Pickle> magic = Pickle::read(bytes);
  if (magic && magic->value(magic->root()).number == static_cast<std::int64_t>(kMagic)) return {};
  return fail(ErrorCode::kUnsupportedFormat,
              "it begins as a pickle of Python does, but not as a file of torch.save; save it with "
              "torch.save(model.state_dict(), path)");
}

}  // namespace

Result<ForeignVgg16> read_pytorch_archive(Window& window, const ZipDirectory& archive,
                                          KnownPickles& known) {
  const std::string description = archive.ending_in(kPyTorchPickle);
  if (description.empty()) {
    return fail(ErrorCode::kUnsupportedFormat, "its archive has neither the " +
                                                   std::string(kPyTorchPickle) +
                                                   " of PyTorch nor the model.weights.h5 of Keras");
  }
  GRADCAM_TRY(const FileRange where, archive.find(window, description));
  GRADCAM_TRY(const Pickle* const pickle, read_pickle(window, where, kMostOfPickle, known));
  const std::string folder = description.substr(0, description.size() - kPyTorchPickle.size());
  const auto find_storage = [&](const std::string& key) -> Result<std::uint64_t> {
    GRADCAM_TRY(const FileRange storage, archive.find(window, folder + "data/" + key));
    return storage.begin;
  };
  GRADCAM_TRY(auto found, read_pytorch_tensors(*pickle, find_storage));
  if (!found.is_script) return network_of(std::move(found));
  GRADCAM_TRY(auto network, network_of(std::move(found)));
  const auto read = [&](const std::string& path) -> Result<std::string> {
    constexpr std::size_t kMostOfText = 256 << 10;
    GRADCAM_TRY(const auto text, archive.read(window, folder + path, kMostOfText));
    return std::string(text.begin(), text.end());
  };
  GRADCAM_TRY(const auto steps, internal::read_script(*pickle, read));
  GRADCAM_CHECK_OK(internal::follow_script(steps, network));
  return network;
}

Result<ForeignVgg16> read_pytorch_legacy(Window& window, KnownPickles& known) {
  GRADCAM_CHECK_OK(check_magic(window));
  // Pickles behind one another: a magic number, a version, the machine; what was saved; the keys of
  // its storages. Then those, each with the count of its elements before it.
  std::vector<const Pickle*> pickles;
  std::uint64_t at = 0;
  constexpr std::size_t kPickles = 5;
  for (std::size_t i = 0; i < kPickles; ++i) {
    constexpr std::uint64_t kFirst = 16 << 10;  // most are short
    GRADCAM_TRY(const Pickle* const pickle,
                read_pickle(window, {at, window.file_bytes()}, kFirst, known));
    at += pickle->bytes();
    pickles.push_back(pickle);
  }
  std::map<std::string, Storage> storages;
  const Pickle& state = *pickles[3];
  for (const Pickle::Value& value : state.values()) {
    if (const auto storage = read_storage(state, value)) storages[storage->key] = *storage;
  }
  std::map<std::string, std::uint64_t> begins;
  const Pickle& keys = *pickles[4];
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
  GRADCAM_TRY(auto found, read_pytorch_tensors(state, find_storage));
  return network_of(std::move(found));
}

}  // namespace gradcam
