#include "gradcam/vgg16/plan.h"

#include <ranges>

#include "gradcam/tensor/text.h"

namespace gradcam {

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
  const auto found = std::ranges::find(layers, name, map_layer_name);
  if (found != layers.end()) return *found;
  return fail(ErrorCode::kInvalidArgument, "no layer with a map is named \"" + std::string(name) +
                                               "\"; there are " +
                                               internal::joined(layers, map_layer_name));
}

}  // namespace gradcam
