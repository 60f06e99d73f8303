#include "gradcam/vgg16/plan_conversion.h"

#include <utility>

#include "gradcam/image/preprocess.h"
#include "gradcam/vgg16/loader.h"
#include "gradcam/weights/metadata.h"

namespace gradcam {

Result<ConvertOptions> plan_conversion(SafetensorsHeader file, std::optional<Precision> precision,
                                       const std::vector<std::string>& labels) {
  if (!labels.empty()) file.metadata.erase("labels");
  ConvertOptions options{.precision = precision, .classes = {}, .metadata = {}};
  GRADCAM_TRY(options.metadata, parse_metadata(file.metadata));
  GRADCAM_TRY(const Vgg16Loader loader, Vgg16Loader::begin(std::move(file)));
  if (options.metadata.preprocess.empty()) {
    options.metadata.preprocess = to_json(loader.info().preprocess);
  }
  if (!labels.empty()) {
    GRADCAM_CHECK_OK(check_labels(labels, loader.info().metadata.labels.size()));
    options.metadata.labels = labels;
  }
  return options;
}

}  // namespace gradcam
