#include "explain/methods.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "explain/elementwise_cam.h"
#include "explain/grad_cam.h"
#include "explain/grad_cam_plus_plus.h"
#include "explain/hires_cam.h"
#include "explain/layer_cam.h"
#include "explain/xgrad_cam.h"

namespace gradcam {
namespace {

/// Runs a method that looks at the gradient of every cell. One pass over fc1 serves all classes.
template <Result<Heatmap> (*Map)(const Tensor& activation, const Tensor& gradient)>
Result<std::vector<Heatmap>> with_gradient(const Vgg16& model, const Activations& activations,
                                           std::span<const std::size_t> classes) {
  GRADCAM_TRY(const Tensor fc1_gradient, model.backward_to_fc1(activations, classes));
  GRADCAM_TRY(const Tensor pool_gradients, model.backward_to_block5_pool(fc1_gradient));
  const Tensor& pool = activations.block5_pool;
  std::vector<Heatmap> maps;
  maps.reserve(classes.size());
  for (std::size_t row = 0; row < classes.size(); ++row) {
    const auto values = pool_gradients.values().subspan(row * pool.size(), pool.size());
    GRADCAM_TRY(const Tensor pool_gradient, Tensor::from(pool.shape(), values));
    GRADCAM_TRY(const Tensor gradient, model.backward_to_block5_conv3(activations, pool_gradient));
    GRADCAM_TRY(Heatmap map, Map(activations.block5_conv3(), gradient));
    maps.push_back(std::move(map));
  }
  return maps;
}

constexpr auto kMethods = std::to_array<Method>({
    {"gradcam", "Grad-CAM", "Where the patterns that speak for the class were seen.", grad_cam,
     grad_cam},
    {"gradcam++", "Grad-CAM++",
     "Like Grad-CAM, but fair to several dogs, or parts of one, of different size.",
     with_gradient<grad_cam_plus_plus>},
    {"hirescam", "HiResCAM", "What each cell itself contributed to the class.",
     with_gradient<hires_cam>},
    {"xgradcam", "XGrad-CAM", "Like Grad-CAM, weighing each cell by how strongly it responded.",
     with_gradient<xgrad_cam>},
    {"layercam", "LayerCAM", "What each cell contributed in favour of the class.",
     with_gradient<layer_cam>},
    {"elementwise", "Element-wise Grad-CAM", "HiResCAM without the evidence against the class.",
     with_gradient<elementwise_cam>},
    {"counterfactual", "Counterfactual", "What speaks against the class.", counterfactual,
     counterfactual},
});

}  // namespace

std::span<const Method> methods() { return kMethods; }

Result<Method> find_method(std::string_view name) {
  if (const auto* method = std::ranges::find(kMethods, name, &Method::name);
      method != kMethods.end()) {
    return *method;
  }
  std::string known;
  for (const Method& method : kMethods) {
    known += known.empty() ? "" : ", ";
    known += method.name;
  }
  return fail(ErrorCode::kInvalidArgument,
              "no method is named \"" + std::string(name) + "\"; there are " + known);
}

}  // namespace gradcam
