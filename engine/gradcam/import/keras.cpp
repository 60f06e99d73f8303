#include "gradcam/import/keras.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradcam/import/hdf5.h"
#include "gradcam/import/keras_description.h"
#include "gradcam/tensor/text.h"
#include "gradcam/weights/to_float.h"

namespace gradcam {
namespace {

using internal::quote;

std::unexpected<Error> bad_keras(const std::string& what) {
  return fail(ErrorCode::kCorruptModel, what);
}

/// The weights of a file in the order of its layers.
struct KerasWeights {
  std::vector<ForeignArray> arrays;
  /// Mean and variance of layers that normalise a photo, by name.
  std::map<std::string, std::vector<ForeignArray>> moments;
};

/// Kernels and biases in the order of the layers.
Result<void> add_layers(std::vector<ForeignArray> arrays, const std::vector<DenseNorm>& places,
                        ForeignVgg16& network) {
  std::vector<ForeignNorm> norms;
  for (std::size_t i = 0; i < arrays.size(); i += 2) {
    const std::size_t rank = arrays[i].shape.size();
    if (rank == 1 && norms.size() < places.size()) {
      const DenseNorm& place = places[norms.size()];
      const std::size_t behind = (place.has_scale ? 1 : 0) + (place.has_shift ? 1 : 0);
      if (i + behind + 2 > arrays.size()) {
        return bad_keras("it lacks arrays of the batch normalisation of " + quote(arrays[i].name));
      }
      ForeignNorm norm;
      if (place.has_scale) norm.scale = std::move(arrays[i]);
      if (place.has_shift) norm.shift = std::move(arrays[i + behind - 1]);
      norm.mean = std::move(arrays[i + behind]);
      norm.variance = std::move(arrays[i + behind + 1]);
      norm.epsilon = place.epsilon;
      norms.push_back(std::move(norm));
      i += behind;
      continue;
    }
    const bool has_bias = i + 1 < arrays.size() && arrays[i + 1].shape.size() == 1;
    if ((rank != 4 && rank != 2) || !has_bias) {
      const ForeignArray& odd =
          rank == 4 || rank == 2 ? arrays[std::min(i + 1, arrays.size() - 1)] : arrays[i];
      return fail(ErrorCode::kUnsupportedFormat,
                  "it has " + quote(odd.name) + " of shape " + to_string(odd.shape) +
                      " where a VGG16 has a kernel followed by its bias (batch normalisation is "
                      "taken where the whole model was saved, behind the convolutions)");
    }
    if (rank == 4 && !network.dense.empty()) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "it has a convolution behind a dense layer, unlike a VGG16");
    }
    auto& layers = rank == 4 ? network.convs : network.dense;
    layers.push_back({std::move(arrays[i]), std::move(arrays[i + 1]), true});
  }
  for (std::size_t i = 0; i < norms.size(); ++i) {
    const std::size_t layer = places[i].layer;
    if (layer >= network.dense.size()) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "it ends with the batch normalisation " + quote(norms[i].mean.name));
    }
    auto& norm = places[i].is_before ? network.dense[layer].input_norm : network.dense[layer].norm;
    if (norm) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "it has two batch normalisations in a row: " + quote(norms[i].mean.name));
    }
    norm = std::move(norms[i]);
  }
  return {};
}

/// A list of names, which Keras splits into name0, name1, ... where it is long.
Result<std::vector<std::string>> list_of_names(Hdf5& file, Hdf5::Object object,
                                               const std::string& name) {
  GRADCAM_TRY(auto whole, file.texts(object, name));
  if (whole) return *std::move(whole);
  std::vector<std::string> names;
  constexpr int kMostParts = 1000;
  for (int i = 0; i < kMostParts; ++i) {
    GRADCAM_TRY(const auto part, file.texts(object, name + std::to_string(i)));
    if (!part) break;
    names.insert(names.end(), part->begin(), part->end());
  }
  return names;
}

/// The layer of a weight of a model in a model: "block1_conv1" of "vgg16/block1_conv1/kernel:0".
std::string layer_of(const std::string& weight) {
  const std::size_t end = weight.rfind('/');
  if (end == std::string::npos) return "";
  const std::size_t begin = end == 0 ? std::string::npos : weight.rfind('/', end - 1);
  return weight.substr(begin == std::string::npos ? 0 : begin + 1,
                       begin == std::string::npos ? end : end - begin - 1);
}

/// Brings the weights of a model in a model into the order of its layers: Keras writes those that
/// were trained first. Without a description, VGG16's own names tell.
void order_weights(std::vector<std::string>& weights, const std::vector<std::string>& layers) {
  const auto place = [&layers](const std::string& weight) {
    const std::string layer = layer_of(weight);
    const auto found = std::ranges::find(layers, layer) - layers.begin();
    return std::pair(found, layers.empty() && layer.starts_with("block") ? layer : std::string());
  };
  std::vector<std::pair<decltype(place("")), std::size_t>> order;
  for (std::size_t i = 0; i < weights.size(); ++i) order.emplace_back(place(weights[i]), i);
  std::ranges::sort(order);
  std::vector<std::string> ordered;
  for (const auto& [key, i] : order) ordered.push_back(std::move(weights[i]));
  weights = std::move(ordered);
}

/// Of the files that name their layers: Keras 1 and 2, and Keras 3 for `.h5`. `described`: the
/// layers of the model, and of those in it, in their order.
Result<KerasWeights> named_arrays(Hdf5& file, Hdf5::Object root,
                                  const std::vector<std::string>& layers,
                                  const KerasDescription& described) {
  KerasWeights weights;
  GRADCAM_TRY(const auto groups, file.members(root));
  for (const std::string& layer : layers) {
    const auto group = groups.find(layer);
    if (group == groups.end()) return bad_keras("it lacks the layer " + quote(layer));
    GRADCAM_TRY(auto names, list_of_names(file, group->second, "weight_names"));
    order_weights(names, described.names);
    for (const std::string& name : names) {
      const bool is_moment =
          std::ranges::find(described.adapted, layer_of(name)) != described.adapted.end();
      if (is_moment && name.contains("/count")) continue;  // of photos
      GRADCAM_TRY(const auto found, file.find(group->second, name));
      if (!found) return bad_keras("it lacks the weights " + quote(name));
      GRADCAM_TRY(ForeignArray array, file.array(*found, name));
      auto& arrays = is_moment ? weights.moments[layer_of(name)] : weights.arrays;
      arrays.push_back(std::move(array));
    }
  }
  return weights;
}

/// "max_pooling2d" for "MaxPooling2D", as Keras 3 names groups.
std::string snake_case(const std::string& name) {
  std::string text;
  const auto is_lower = [](char c) { return std::islower(static_cast<unsigned char>(c)) != 0; };
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    if (i > 0 && std::isupper(c) != 0 &&
        (is_lower(name[i - 1]) || (i + 1 < name.size() && is_lower(name[i + 1])))) {
      text += '_';
    }
    text += static_cast<char>(std::tolower(c));
  }
  return text;
}

/// The groups of the layers of a model of Keras 3; none if it has none.
struct KerasGroups {
  std::map<std::string, Hdf5::Object> groups;
  int count = 1;  ///< by which the numbers in names go up: the first versions count layers twice
};

Result<std::optional<KerasGroups>> find_layers(Hdf5& file, Hdf5::Object model) {
  for (const auto& [name, count] :
       {std::pair("layers", 1), std::pair("_layer_checkpoint_dependencies", 2)}) {
    GRADCAM_TRY(const auto found, file.find(model, name));
    if (!found) continue;
    GRADCAM_TRY(auto groups, file.members(*found));
    return KerasGroups{std::move(groups), count};
  }
  return std::nullopt;
}

/// The arrays of a layer of Keras 3, which are numbered; so many of them at most.
Result<void> add_numbered(Hdf5& file, Hdf5::Object layer, const std::string& name,
                          std::vector<ForeignArray>& arrays,
                          std::size_t most = std::numeric_limits<std::size_t>::max()) {
  GRADCAM_TRY(const auto variables, file.find(layer, "vars"));
  if (!variables) return {};
  GRADCAM_TRY(const auto members, file.members(*variables));
  for (std::size_t i = 0; i < std::min(members.size(), most); ++i) {
    const auto found = members.find(std::to_string(i));
    if (found == members.end()) return bad_keras("it lacks weights of the layer " + quote(name));
    GRADCAM_TRY(ForeignArray array, file.array(found->second, name + "/" + found->first));
    arrays.push_back(std::move(array));
  }
  return {};
}

/// Keras 3 names the group of a layer by its class and a count, later versions by its name.
Result<void> add_described(Hdf5& file, Hdf5::Object model, const std::vector<KerasLayer>& described,
                           int depth, KerasWeights& weights) {
  GRADCAM_TRY(const auto found, find_layers(file, model));
  if (!found || depth > kMostNestedKeras) return {};
  const auto& groups = found->groups;
  const bool by_name = std::ranges::all_of(groups, [&](const auto& group) {
    return std::ranges::find(described, group.first, &KerasLayer::name) != described.end();
  });
  std::map<std::string, int> counts;
  for (const KerasLayer& layer : described) {
    std::string key = snake_case(layer.kind);
    const bool has_weights = is_one_of(layer.kind, {"Conv2D", "Dense", "BatchNormalization"});
    int& counted = counts[key];
    const int count = std::exchange(counted, counted + (has_weights ? found->count : 1));
    if (count > 0) key += "_" + std::to_string(count);
    const auto group = groups.find(by_name ? layer.name : key);
    if (group == groups.end()) {
      if (has_weights) return bad_keras("it lacks the weights of " + quote(layer.name));
      continue;
    }
    if (layer.is_model) {
      GRADCAM_CHECK_OK(add_described(file, group->second, layer.layers, depth + 1, weights));
    } else if (layer.kind == "Normalization") {
      constexpr std::size_t kMoments = 2;  // the third counts photos
      GRADCAM_CHECK_OK(
          add_numbered(file, group->second, layer.name, weights.moments[layer.name], kMoments));
    } else {
      GRADCAM_CHECK_OK(add_numbered(file, group->second, layer.name, weights.arrays));
    }
  }
  return {};
}

/// The same without a description: by the counts in the groups' names, dense layers last.
Result<void> add_undescribed(Hdf5& file, Hdf5::Object model, int depth,
                             std::vector<ForeignArray>& convs, std::vector<ForeignArray>& dense) {
  GRADCAM_TRY(const auto layers, find_layers(file, model));
  if (!layers || depth > kMostNestedKeras) return {};
  const auto& groups = layers->groups;
  std::vector<std::pair<std::string, Hdf5::Object>> sorted(groups.begin(), groups.end());
  // conv2d, conv2d_1, ..., conv2d_9, conv2d_10
  std::ranges::sort(sorted, {},
                    [](const auto& group) { return std::pair(group.first.size(), group.first); });
  for (const auto& [name, group] : sorted) {
    if (name.starts_with("normalization")) {
      return fail(ErrorCode::kUnsupportedFormat,
                  "it normalises photos by " + quote(name) +
                      ", and weights alone do not tell where; save the whole model: "
                      "model.save(\"x.keras\")");
    }
    std::vector<ForeignArray> arrays;
    GRADCAM_CHECK_OK(add_numbered(file, group, name, arrays));
    auto& all = !arrays.empty() && arrays.front().shape.size() == 4 ? convs : dense;
    all.insert(all.end(), arrays.begin(), arrays.end());
    GRADCAM_CHECK_OK(add_undescribed(file, group, depth + 1, convs, dense));
  }
  return {};
}

/// Whether what such arrays belong to is told apart by numbers alone: "dense", "dense_1", ...
bool are_numbered(const std::vector<ForeignArray>& arrays) {
  const auto without_number = [](const ForeignArray& array) {
    std::string name = array.name.substr(0, array.name.find('/'));
    std::erase_if(name, [](char c) { return c == '_' || (c >= '0' && c <= '9'); });
    return name;
  };
  return std::ranges::all_of(arrays, [&](const ForeignArray& array) {
    return without_number(array) == without_number(arrays.front());
  });
}

/// Brings dense layers, each a kernel and a bias, into the order in which each takes what the one
/// before it gives. False if there are several such orders.
bool order_dense(std::vector<ForeignArray>& arrays) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < arrays.size(); i += 2) {
    if (arrays[i].shape.size() != 2 || i + 1 == arrays.size()) return true;  // refused later
    order.push_back(i);
  }
  if (order.size() > kDenseLayers) return true;
  std::vector<std::size_t> found;
  do {
    bool fits = true;
    for (std::size_t i = 1; i < order.size(); ++i) {
      fits = fits && arrays[order[i - 1]].shape[1] == arrays[order[i]].shape[0];
    }
    if (fits && !found.empty()) return false;
    if (fits) found = order;
  } while (std::ranges::next_permutation(order).found);
  std::vector<ForeignArray> ordered;
  for (const std::size_t i : found) {
    ordered.push_back(arrays[i]);
    ordered.push_back(arrays[i + 1]);
  }
  if (!found.empty()) arrays = std::move(ordered);
  return true;
}

/// All layers of a file of Keras 3 that does not say what they are.
Result<std::vector<ForeignArray>> undescribed_arrays(Hdf5& file, Hdf5::Object root) {
  std::vector<ForeignArray> arrays;
  std::vector<ForeignArray> dense;
  GRADCAM_CHECK_OK(add_undescribed(file, root, 0, arrays, dense));
  if (arrays.empty()) {
    return bad_keras("it is an HDF5 file, but has no layer_names and no layers as Keras has");
  }
  if (!are_numbered(arrays) || (!order_dense(dense) && !are_numbered(dense))) {
    return fail(ErrorCode::kUnsupportedFormat,
                "the names of its layers do not tell their order; save the whole model: "
                "model.save(\"x.keras\")");
  }
  arrays.insert(arrays.end(), dense.begin(), dense.end());
  return arrays;
}

/// Theano turned kernels by 180 degrees; Keras turns them back when it loads them.
Result<void> check_backend(Hdf5& file, Hdf5::Object object) {
  GRADCAM_TRY(const auto backend, file.texts(object, "backend"));
  if (!backend || backend->empty() || backend->front() != "theano") return {};
  return fail(ErrorCode::kUnsupportedFormat,
              "it is of Keras on Theano, whose kernels are turned; load it in Keras on TensorFlow, "
              "and save it again");
}

/// What is in an array of a few numbers.
Result<std::vector<float>> few_numbers(Window& window, const ForeignArray& array) {
  constexpr std::size_t kMost = 3;
  std::vector<float> values(array.shape.empty() ? 1 : array.shape.front());
  if (array.shape.size() > 1 || values.size() > kMost) {
    return fail(ErrorCode::kUnsupportedFormat,
                "it has " + quote(array.name) + " of shape " + to_string(array.shape) +
                    ", where a photo is normalised by a number for each channel");
  }
  GRADCAM_TRY(const auto bytes, window.read(array.begin, values.size() * dtype_size(array.dtype)));
  GRADCAM_CHECK_OK(to_float32(array.dtype, bytes, values));
  return values;
}

/// The network of a description and the weights that belong to it.
Result<void> read_network(Window& window, const std::string& text, KerasWeights weights,
                          KerasDescription description, ForeignVgg16& network) {
  std::map<std::string, KerasMoments> moments;
  for (const std::string& layer : description.adapted) {
    const auto& arrays = weights.moments[layer];
    if (arrays.size() != 2) return bad_keras("it lacks the weights of " + quote(layer));
    GRADCAM_TRY(moments[layer].means, few_numbers(window, arrays[0]));
    GRADCAM_TRY(moments[layer].variances, few_numbers(window, arrays[1]));
  }
  if (!moments.empty()) {
    GRADCAM_TRY(description, read_keras_description(text, network, moments));
  }
  return add_layers(std::move(weights.arrays), description.norms, network);
}

ForeignVgg16 keras_network() {
  ForeignVgg16 network;
  network.channels_last = true;
  network.preprocess = kKerasPreprocess;
  return network;
}

}  // namespace

Result<ForeignVgg16> read_keras_hdf5(Window& window) {
  GRADCAM_TRY(Hdf5 file, Hdf5::open(window, 0));
  GRADCAM_TRY(const auto weights, file.find(file.root(), "model_weights"));
  const Hdf5::Object root = weights.value_or(file.root());
  for (const Hdf5::Object object : {file.root(), root}) {
    GRADCAM_CHECK_OK(check_backend(file, object));
  }
  ForeignVgg16 network = keras_network();
  KerasDescription description;
  GRADCAM_TRY(const auto config, file.texts(file.root(), "model_config"));
  const std::string text = config && !config->empty() ? config->front() : "";
  if (!text.empty()) {
    GRADCAM_TRY(description, read_keras_description(text, network));
  }
  GRADCAM_TRY(const auto layers, list_of_names(file, root, "layer_names"));
  KerasWeights arrays;
  if (!layers.empty()) {
    GRADCAM_TRY(arrays, named_arrays(file, root, layers, description));
  } else {
    GRADCAM_TRY(arrays.arrays, undescribed_arrays(file, root));
  }
  GRADCAM_CHECK_OK(read_network(window, text, std::move(arrays), std::move(description), network));
  return network;
}

Result<ForeignVgg16> read_keras_archive(Window& window, const ZipDirectory& archive) {
  GRADCAM_TRY(const FileRange config, archive.find(window, "config.json"));
  GRADCAM_TRY(const auto bytes, window.read(config.begin, config.end - config.begin));
  const std::string text(bytes.begin(), bytes.end());
  ForeignVgg16 network = keras_network();
  GRADCAM_TRY(KerasDescription description, read_keras_description(text, network));
  GRADCAM_TRY(const FileRange weights, archive.find(window, kKerasWeights));
  GRADCAM_TRY(Hdf5 file, Hdf5::open(window, weights.begin));
  KerasWeights arrays;
  GRADCAM_CHECK_OK(add_described(file, file.root(), description.layers, 0, arrays));
  GRADCAM_CHECK_OK(read_network(window, text, std::move(arrays), std::move(description), network));
  return network;
}

}  // namespace gradcam
