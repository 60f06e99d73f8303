// libFuzzer target: any text as one that names classes, as preprocessing, and as what a model of
// Keras says of itself.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "fuzz/promises.h"
#include "gradcam/image/preprocess.h"
#include "gradcam/import/keras_description.h"
#include "gradcam/import/labels.h"
#include "gradcam/weights/find_class.h"
#include "gradcam/weights/metadata.h"

namespace gradcam {
namespace {

void fuzz(std::string_view text) {
  if (const auto labels = parse_labels(text); holds(labels)) {
    require(!labels->empty() && check_labels(*labels).has_value());
    const auto last = find_class(*labels, labels->back());
    require(last && *last == labels->size() - 1);
    holds(find_class(*labels, text));
  }
  if (const auto preprocess = parse_preprocess(text); holds(preprocess)) {
    const std::string json = to_json(*preprocess);
    const auto again = parse_preprocess(json);
    require(again && to_json(*again) == json);
  }
  ForeignVgg16 network;
  if (const auto described = read_keras_description(text, network); holds(described)) {
    std::map<std::string, KerasMoments> adapted;
    for (const std::string& layer : described->adapted) adapted[layer] = {{1, 2, 3}, {4}};
    holds(read_keras_description(text, network, adapted));
  }
  require(parse_preprocess(to_json(network.preprocess)).has_value());
}

}  // namespace
}  // namespace gradcam

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gradcam::fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
