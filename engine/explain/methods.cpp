#include "explain/methods.h"

#include <algorithm>
#include <array>
#include <string>

#include "explain/ablation_cam.h"
#include "explain/counterfactual.h"
#include "explain/eigen_cam.h"
#include "explain/eigen_grad_cam.h"
#include "explain/elementwise_cam.h"
#include "explain/finer_cam.h"
#include "explain/grad_cam.h"
#include "explain/grad_cam_plus_plus.h"
#include "explain/grad_cam_tutorial.h"
#include "explain/gradients.h"
#include "explain/guided_backprop.h"
#include "explain/guided_grad_cam.h"
#include "explain/hires_cam.h"
#include "explain/layer_cam.h"
#include "explain/occlusion.h"
#include "explain/score_cam.h"
#include "explain/xgrad_cam.h"

namespace gradcam {
namespace {

template <Result<Tensor> (*Contribute)(const Tensor& activation, const Tensor& gradient)>
Result<std::vector<Heatmap>> by(const ExplainContext& context,
                                std::span<const std::size_t> classes) {
  return map_contributions(context, classes, Contribute);
}

constexpr auto kMethods = std::to_array<Method>({
    {.name = "gradcam",
     .title = "Grad-CAM",
     .about = "Where the patterns that speak for the class were seen.",
     .explain = grad_cam,
     .explain_together = grad_cam},
    {.name = "gradcam++",
     .title = "Grad-CAM++",
     .about = "Like Grad-CAM, but fair to several dogs, or parts of one, of different size.",
     .explain = by<grad_cam_plus_plus>},
    {.name = "hirescam",
     .title = "HiResCAM",
     .about = "What each cell itself contributed to the class.",
     .explain = by<hires_cam>},
    {.name = "xgradcam",
     .title = "XGrad-CAM",
     .about = "Like Grad-CAM, weighing each cell by how strongly it responded.",
     .explain = by<xgrad_cam>},
    {.name = "layercam",
     .title = "LayerCAM",
     .about = "What each cell contributed in favour of the class.",
     .explain = by<layer_cam>},
    {.name = "elementwise",
     .title = "Element-wise Grad-CAM",
     .about = "HiResCAM without the evidence against the class.",
     .explain = by<elementwise_cam>},
    {.name = "finercam",
     .title = "Finer-CAM",
     .about = "Why this class and not the three most like it.",
     .explain = finer_cam},
    {.name = "counterfactual",
     .title = "Counterfactual",
     .about = "What speaks against the class.",
     .explain = counterfactual,
     .explain_together = counterfactual},
    {.name = "gradcam-tutorial",
     .title = "Grad-CAM, as in the tutorial",
     .about = "Grad-CAM of the probability instead of the logit.",
     .explain = grad_cam_tutorial},
    {.name = "eigencam",
     .title = "Eigen-CAM",
     .about = "What the layer responds to most, whatever the class.",
     .explain = eigen_cam,
     .has_channels = false},
    {.name = "eigengradcam",
     .title = "EigenGrad-CAM",
     .about = "The main pattern in what the cells contributed to the class.",
     .explain = eigen_grad_cam,
     .has_channels = false},
    {.name = "ablationcam",
     .title = "Ablation-CAM",
     .about = "What the class loses when each pattern is switched off.",
     .plan = ablation_cam},
    {.name = "scorecam",
     .title = "Score-CAM",
     .about = "How well each pattern's part of the photo alone shows the class. Slow.",
     .plan = score_cam,
     .is_slow = true},
    {.name = "occlusion",
     .title = "Occlusion",
     .about = "What the class loses when each part of the photo is covered. Slow.",
     .plan = occlusion,
     .has_layer = false,
     .has_channels = false,
     .is_slow = true},
    {.name = "guided-backprop",
     .title = "Guided backpropagation",
     .about = "A decoration: fine edges, which show little of what the network learned.",
     .explain = guided_backprop,
     .has_layer = false,
     .has_channels = false,
     .reaches_input = true,
     .is_decoration = true},
    {.name = "guided-gradcam",
     .title = "Guided Grad-CAM",
     .about = "A decoration: the edges of guided backpropagation where Grad-CAM is hot.",
     .explain = guided_grad_cam,
     .has_channels = false,
     .reaches_input = true,
     .is_decoration = true},
});

}  // namespace

std::span<const Method> methods() { return kMethods; }

Result<Method> find_method(std::string_view name) {
  if (const auto method = std::ranges::find(kMethods, name, &Method::name);
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
