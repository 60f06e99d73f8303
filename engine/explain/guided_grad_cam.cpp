#include "explain/guided_grad_cam.h"

#include <utility>

#include "explain/grad_cam.h"
#include "explain/guided_backprop.h"

namespace gradcam {

Result<std::vector<Heatmap>> guided_grad_cam(const ExplainContext& context,
                                             std::span<const std::size_t> classes) {
  GRADCAM_TRY(const std::vector<Heatmap> edges, guided_backprop(context, classes));
  GRADCAM_TRY(const std::vector<Heatmap> regions, grad_cam(context, classes));
  std::vector<Heatmap> maps;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const std::vector<float> region = enlarge(regions[i], edges[i].rows, edges[i].cols);
    std::vector<double> raw(region.size());
    for (std::size_t j = 0; j < raw.size(); ++j) {
      raw[j] = double{edges[i].values[j]} * double{edges[i].maximum} * double{region[j]} *
               double{regions[i].maximum};
    }
    maps.push_back(make_heatmap(edges[i].rows, edges[i].cols, raw));
  }
  return maps;
}

}  // namespace gradcam
