#include "gradcam/vgg16/plan.h"

namespace gradcam {

Result<std::size_t> find_map_layer(std::string_view name) {
  std::string known;
  for (std::size_t layer = 0; layer < kMapLayers; ++layer) {
    if (map_layer_name(layer) == name) return layer;
    known += layer == 0 ? "" : ", ";
    known += map_layer_name(layer);
  }
  return fail(ErrorCode::kInvalidArgument,
              "no layer with a map is named \"" + std::string(name) + "\"; there are " + known);
}

}  // namespace gradcam
