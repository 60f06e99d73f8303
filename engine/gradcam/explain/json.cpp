#include "gradcam/explain/json.h"

#include <string>

#include "gradcam/explain/certainty.h"

namespace gradcam {

Json to_json(const Error& error) {
  return {{"code", error_code_name(error.code)}, {"message", error.message}};
}

Json to_json(const Box& box) {
  return {{"x", box.x}, {"y", box.y}, {"width", box.width}, {"height", box.height}};
}

Json to_json(std::span<const Prediction> predictions, const ModelInfo& info) {
  Json list = Json::array();
  for (const Prediction& p : predictions) {
    list.push_back({{"label", info.metadata.labels[p.index]},
                    {"index", p.index},
                    {"probability", p.probability},
                    {"logit", p.logit}});
  }
  return list;
}

Json others_to_json(float probability, const ModelInfo& info) {
  if (info.metadata.others.empty()) return nullptr;
  return {{"label", info.metadata.others}, {"probability", probability}};
}

Json to_json(const Heatmap& map) {
  return {{"rows", map.rows},
          {"cols", map.cols},
          {"status", heatmap_status_name(map.status)},
          {"maximum", map.maximum},
          {"values", map.values}};
}

Json to_json(const ModelInfo& info) {
  Json layers = Json::array();
  for (const LayerInfo& layer : info.layers) {
    layers.push_back({{"name", layer.name},
                      {"output", layer.output},
                      {"weight", layer.weight},
                      {"dtype", layer.dtype},
                      {"algorithm", layer.algorithm}});
  }
  return {{"architecture", "vgg16"},
          {"labels", info.metadata.labels},
          {"classes", info.metadata.labels.size()},
          {"others", info.metadata.others},
          {"parameters", info.parameters},
          {"multiply_adds", info.multiply_adds()},
          {"preprocess", Json::parse(to_json(info.preprocess), nullptr, false)},
          {"temperature", info.metadata.temperature},
          {"unsure_below", unsure_below(info.metadata)},
          {"fingerprint", info.fingerprint},
          {"source", info.metadata.source},
          {"license", info.metadata.license},
          {"layers", std::move(layers)}};
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace gradcam
