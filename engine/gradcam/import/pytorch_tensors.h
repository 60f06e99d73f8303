#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gradcam/import/foreign.h"
#include "gradcam/import/pickle.h"

/// What a pickle of PyTorch says of tensors, and of the modules that have them. Private to this
/// room.
namespace gradcam::internal {

/// The first tensor of a VGG16 of torchvision or timm, behind what a wrapper puts before it.
inline constexpr std::string_view kFirstParameter = "features.0.weight";

std::unexpected<Error> bad_pytorch(const std::string& what);

/// An element type of storages.
struct StorageClass {
  std::string_view name;
  std::size_t bytes;
  std::optional<DType> dtype;  ///< of floats
};

/// What a pickle says of a storage: its tensors are elsewhere.
struct Storage {
  StorageClass kind;
  std::string key;
  std::int64_t elements = 0;
};

/// Of ("storage", class, key, device, elements, ...).
std::optional<Storage> read_storage(const Pickle& pickle, const Pickle::Value& value);

/// Where the numbers of a storage begin in the file.
using FindStorage = std::function<Result<std::uint64_t>(const std::string& key)>;

/// The tensors in a pickle, by their names with dots between, in its order.
struct PyTorchTensors {
  std::vector<ForeignArray> tensors;
  std::map<std::string, float> epsilons = {};  ///< of batch normalisations, where they are told
  /// Of batch normalisations among dense layers, whether a ReLU is before them, where it is told.
  std::map<std::string, bool> behind_relu = {};
  bool averages = false;     ///< whether a pool averages all positions, where it is told
  bool has_sigmoid = false;  ///< whether there is one, which is to be of a single output
  bool is_whole = false;     ///< whether it is a model, and not a state_dict
  bool is_script = false;    ///< whether it is one of TorchScript, whose settings are in its code
};

/// Errors as read_pytorch_archive.
Result<PyTorchTensors> read_pytorch_tensors(const Pickle& pickle, FindStorage find_storage);

}  // namespace gradcam::internal
