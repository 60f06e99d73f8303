#include "gradcam/vgg16/plan.h"

#include <charconv>
#include <ranges>
#include <system_error>

#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

/// The map layer to which module N of torchvision's `features` belongs, as the convolution, its
/// ReLU or what else of so many modules goes with each; kMapLayers for what has no map.
std::size_t layer_of_feature(std::size_t module, std::size_t modules_of_conv) {
  for (std::size_t conv = 0; conv < kConvLayers; ++conv) {
    if (module < modules_of_conv) return conv;
    module -= modules_of_conv;
    if (kEndsBlock[conv] && module-- == 0) return conv == kBlock5Conv3 ? kBlock5Pool : kMapLayers;
  }
  return kMapLayers;
}

/// What torchvision's name of a layer is here: "; it belongs to ...", or nothing if it is none. No
/// name of ours, as the same one stands for different layers.
std::string told_of_torchvision(std::string_view name) {
  constexpr std::string_view kFeatures = "features.";
  std::size_t module = 0;
  if (!name.starts_with(kFeatures)) return "";
  name.remove_prefix(kFeatures.size());
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), module);
  if (error != std::errc() || end != name.data() + name.size()) return "";
  std::string told;
  const auto tell = [&](std::string_view network, std::size_t modules_of_conv) {
    const std::size_t layer = layer_of_feature(module, modules_of_conv);
    if (layer == kMapLayers) return;
    told += told.empty() ? "; it belongs to " : ", to ";
    told += map_layer_name(layer);
    told += network;
  };
  tell(" in torchvision's vgg16", 2);
  tell(" in torchvision's vgg16_bn", 3);
  return told;
}

}  // namespace

ReceptiveField receptive_field(std::size_t map_layer) {
  constexpr std::size_t kConvSide = 3;
  constexpr std::size_t kPoolSide = 2;
  ReceptiveField field{.size = 1, .stride = 1};
  for (std::size_t conv = 0; conv < kConvLayers && conv <= map_layer; ++conv) {
    field.size += (kConvSide - 1) * field.stride;
    if (!kEndsBlock[conv] || conv == map_layer) continue;
    field.size += (kPoolSide - 1) * field.stride;
    field.stride *= kPoolSide;
  }
  return field;
}

Result<std::size_t> find_map_layer(std::string_view name) {
  const auto layers = std::views::iota(std::size_t{0}, kMapLayers);
  const auto found = std::ranges::find(layers, internal::spelt_plainly(name), map_layer_name);
  if (found != layers.end()) return *found;
  return fail(ErrorCode::kInvalidArgument, "no layer with a map is named " + internal::quote(name) +
                                               told_of_torchvision(name) + "; there are " +
                                               internal::joined(layers, map_layer_name));
}

}  // namespace gradcam
