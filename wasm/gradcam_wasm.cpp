// Memory, engines, the outcome of a call, and what the engine can do.

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

#include "gradcam/explain/explain.h"
#include "gradcam/image/colormap.h"
#include "gradcam/kernels/instruction_set.h"
#include "gradcam_engine.h"

using namespace gradcam;

extern "C" {

void* gradcam_alloc(uint32_t bytes) { return std::malloc(std::max<uint32_t>(bytes, 1)); }

void gradcam_free(void* pointer) { std::free(pointer); }

gradcam_engine* gradcam_create() { return new (std::nothrow) gradcam_engine; }

void gradcam_destroy(gradcam_engine* engine) { delete engine; }

const char* gradcam_message(const gradcam_engine* engine) { return engine->message.data(); }

uint32_t gradcam_message_bytes(const gradcam_engine* engine) {
  return static_cast<uint32_t>(engine->message.size());
}

const void* gradcam_data(const gradcam_engine* engine) {
  if (!engine->sent.empty()) return engine->sent.data();
  return engine->data.data();
}

uint32_t gradcam_data_bytes(const gradcam_engine* engine) {
  if (!engine->sent.empty()) return static_cast<uint32_t>(engine->sent.size() * sizeof(float));
  return static_cast<uint32_t>(engine->data.size());
}

int32_t gradcam_about(gradcam_engine* engine) {
  Json all_methods = Json::array();
  for (const Method& method : methods()) {
    Json in_passes = Json::array();
    Json all_at_once = Json::array();
    for (std::size_t layer = 0; layer < kMapLayers; ++layer) {
      if (takes_passes(method, layer)) in_passes.push_back(map_layer_name(layer));
      if (takes_all_at_once(method, layer)) all_at_once.push_back(map_layer_name(layer));
    }
    all_methods.push_back({{"name", method.name},
                           {"title", method.title},
                           {"about", method.about},
                           {"caption", method.caption},
                           {"in_passes", std::move(in_passes)},
                           {"all_at_once", std::move(all_at_once)},
                           {"has_layer", method.has_layer},
                           {"tries_channels", method.tries_channels},
                           {"is_decoration", method.is_decoration},
                           {"is_against", method.is_against},
                           {"is_comparable", method.is_comparable}});
  }
  Json layers = Json::array();
  Json fields = Json::array();
  for (std::size_t layer = 0; layer < kMapLayers; ++layer) {
    layers.push_back(map_layer_name(layer));
    const auto [size, stride] = receptive_field(layer);
    fields.push_back({{"size", size}, {"stride", stride}});
  }
  return finish(engine, Json{{"version", GRADCAM_VERSION},
                             {"simd", instruction_set()},
                             {"colormaps", colormap_names()},
                             {"methods", std::move(all_methods)},
                             {"layers", std::move(layers)},
                             {"receptive_fields", std::move(fields)},
                             {"usual",
                              {{"method", methods().front().name},
                               {"layer", map_layer_name(ExplainOptions().layers.front())},
                               {"channels", ExplainOptions().channels}}},
                             {"max_members", kMaxMembers}});
}

}  // extern "C"
