#include "gradcam/explain/methods.h"

#include <algorithm>
#include <array>
#include <string>

#include "gradcam/explain/ablation_cam.h"
#include "gradcam/explain/counterfactual.h"
#include "gradcam/explain/eigen_cam.h"
#include "gradcam/explain/eigen_grad_cam.h"
#include "gradcam/explain/elementwise_cam.h"
#include "gradcam/explain/finer_cam.h"
#include "gradcam/explain/grad_cam.h"
#include "gradcam/explain/grad_cam_plus_plus.h"
#include "gradcam/explain/grad_cam_tutorial.h"
#include "gradcam/explain/hires_cam.h"
#include "gradcam/explain/layer_cam.h"
#include "gradcam/explain/occlusion.h"
#include "gradcam/explain/score_cam.h"
#include "gradcam/explain/xgrad_cam.h"
#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

constexpr auto kMethods = std::to_array<Method>({
    {.name = "gradcam",
     .title = "Grad-CAM",
     .about = "Where the patterns that speak for the class were seen.",
     .cam = kGradCam},
    {.name = "gradcam++",
     .title = "Grad-CAM++",
     .about = "Like Grad-CAM, but fair to several dogs, or parts of one, of different size.",
     .cam = {.map = sum_of<grad_cam_plus_plus>}},
    {.name = "hirescam",
     .title = "HiResCAM",
     .about = "What each cell itself contributed to the class.",
     .cam = {.map = sum_of<hires_cam>, .gradient = GradientUse::kFactor}},
    {.name = "xgradcam",
     .title = "XGrad-CAM",
     .about = "Like Grad-CAM, weighing each cell by how strongly it responded.",
     .cam = {.map = sum_of<xgrad_cam>, .gradient = GradientUse::kFactor}},
    {.name = "layercam",
     .title = "LayerCAM",
     .about = "What each cell contributed in favour of the class.",
     .cam = {.map = sum_of<layer_cam>, .gradient = GradientUse::kFactor},
     .fuse = fuse_by_maximum},
    {.name = "elementwise",
     .title = "Element-wise Grad-CAM",
     .about = "HiResCAM without the evidence against the class: behind a ReLU, as all layers here, "
              "the same as LayerCAM.",
     .cam = {.map = sum_of<elementwise_cam>, .gradient = GradientUse::kFactor}},
    {.name = "finercam",
     .title = "Finer-CAM",
     .about = "Why this class and not the three most like it.",
     .cam = kFinerCam},
    {.name = "counterfactual",
     .title = "Counterfactual",
     .about = "What speaks against the class.",
     .caption = "what speaks against {}",
     .cam = kCounterfactual,
     .is_against = true},
    {.name = "gradcam-tutorial",
     .title = "Grad-CAM of the probability",
     .about =
         "Grad-CAM behind the softmax, as Keras's tutorial once had it: what speaks against the "
         "other classes, too.",
     .cam = kGradCamTutorial},
    {.name = "eigencam",
     .title = "Eigen-CAM",
     .about = "What the layer responds to most, whatever the class.",
     .caption = "what the layer responds to most",
     .cam = kEigenCam,
     .has_channels = false},
    {.name = "eigengradcam",
     .title = "EigenGrad-CAM",
     .about = "The main pattern in what the cells contributed to the class.",
     .cam = kEigenGradCam,
     .has_channels = false},
    {.name = "ablationcam",
     .title = "Ablation-CAM",
     .about = "What the class loses when each pattern is switched off.",
     .plan = ablation_cam,
     .ablation_maps = ablation_cam_maps,
     .is_comparable = false},
    {.name = "scorecam",
     .title = "Score-CAM",
     .about = "How well each pattern's part of the photo alone shows the class. Slow.",
     .plan = score_cam,
     .tries_channels = true,
     .is_slow = true,
     .is_comparable = false},
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
     .caption = "edges, drawn for {}",
     .is_guided = true,
     .has_layer = false,
     .has_channels = false,
     .is_decoration = true,
     .is_comparable = false},
    {.name = "guided-gradcam",
     .title = "Guided Grad-CAM",
     .about = "A decoration: the edges of guided backpropagation where Grad-CAM is hot.",
     .caption = "edges, drawn for {}",
     .cam = kGradCam,
     .is_guided = true,
     .has_channels = false,
     .is_decoration = true,
     .is_comparable = false},
});

// Members that divide a model bring no more of it together.
static_assert(std::ranges::all_of(kMethods,
                                  [](const Method& method) {
                                    return method.cam.gradient != GradientUse::kMeans ||
                                           method.cam.map_of_sum != nullptr;
                                  }),
              "a Cam of means has a map_of_sum");

/// "gradcam" of "Grad-CAM": papers and programs do not agree on what are words in these names.
std::string spelt_in_one_word(std::string_view name) {
  std::string word = internal::spelt_plainly(name);
  std::erase(word, '_');
  return word;
}

}  // namespace

std::string caption_for(const Method& method, std::string_view label) {
  constexpr std::string_view kClass = "{}";
  std::string caption(method.caption);
  if (const std::size_t place = caption.find(kClass); place != std::string::npos) {
    caption.replace(place, kClass.size(), label);
  }
  return caption;
}

bool takes_passes(const Method& method, std::size_t layer) {
  return method.plan != nullptr && (method.ablation_maps == nullptr || layer < kBlock5Conv3);
}

bool takes_all_at_once(const Method& method, std::size_t layer) {
  return method.cam.map != nullptr && !method.is_guided && layer >= kBlock5Conv3 &&
         method.cam.gradient >= GradientUse::kMeans;
}

std::span<const Method> methods() { return kMethods; }

Result<Method> find_method(std::string_view name) {
  const std::string wanted = spelt_in_one_word(name);
  for (const Method& method : kMethods) {
    if (spelt_in_one_word(method.name) == wanted) return method;
  }
  return fail(ErrorCode::kInvalidArgument, "no method is named " + internal::quote(name) +
                                               "; there are " +
                                               internal::joined(kMethods, &Method::name));
}

Result<std::vector<Method>> find_methods(std::span<const std::string> names) {
  std::vector<Method> found;
  const auto add = [&found](const Method& method) {
    const bool is_new = std::ranges::find(found, method.name, &Method::name) == found.end();
    if (is_new) found.push_back(method);
  };
  for (const std::string& name : names) {
    if (name == "all") {
      std::ranges::for_each(kMethods, add);
      continue;
    }
    GRADCAM_TRY(const Method method, find_method(name));
    add(method);
  }
  return found;
}

}  // namespace gradcam
