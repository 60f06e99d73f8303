#include "explain/explain.h"

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "engine.h"
#include "explain/evidence.h"
#include "explain/together.h"

using namespace gradcam;

namespace {

Result<void> check_classified(const gradcam_engine* engine) {
  if (engine->classified) return {};
  return fail(ErrorCode::kInvalidArgument, "no photo has been classified");
}

/// Leaves the maps at gradcam_data, and says what they are.
Json give_maps(gradcam_engine* engine, std::span<const std::size_t> classes,
               const std::vector<Heatmap>& maps) {
  Json list = Json::array();
  std::vector<float> values;
  for (std::size_t i = 0; i < maps.size(); ++i) {
    list.push_back({{"class", classes[i]},
                    {"status", heatmap_status_name(maps[i].status)},
                    {"max", maps[i].maximum}});
    values.insert(values.end(), maps[i].values.begin(), maps[i].values.end());
  }
  set_data(engine, std::span<const float>(values));
  return Json{{"rows", maps.empty() ? 0 : maps.front().rows},
              {"cols", maps.empty() ? 0 : maps.front().cols},
              {"maps", std::move(list)}};
}

Result<Json> members_maps(gradcam_engine* engine) {
  GRADCAM_CHECK_OK(check_done(engine));
  if (!engine->explaining_together) {
    return fail(ErrorCode::kInvalidArgument, "no classes have been explained");
  }
  const auto& [method, classes] = *engine->explaining_together;
  GRADCAM_TRY(const std::vector<Heatmap> maps, maps_together(*engine->member, method, classes));
  return give_maps(engine, classes, maps);
}

Result<void> members_explain(gradcam_engine* engine, std::span<const int32_t> classes,
                             std::string_view method_name, std::string_view layer_name) {
  GRADCAM_CHECK_OK(check_model(engine));
  engine->explaining_together.reset();
  GRADCAM_TRY(const Method method, find_method(method_name));
  GRADCAM_TRY(const std::size_t layer, find_map_layer(layer_name));
  const std::vector<std::size_t> indices(classes.begin(), classes.end());
  GRADCAM_CHECK_OK(begin_together(*engine->member, method, indices, layer));
  engine->explaining_together.emplace(method, indices);
  return {};
}

Result<Json> evidence(gradcam_engine* engine, std::size_t count) {
  GRADCAM_CHECK_OK(check_done(engine));
  const auto& [activation, gradients, drops] = engine->member->gathered();
  if (gradients.empty() || gradients.front().size() != activation.dim(2)) {
    return fail(ErrorCode::kInvalidArgument, "no class has been explained by Grad-CAM");
  }
  const auto parts = strongest_channels(activation, gradients.front().values(), count);
  Json list = Json::array();
  std::vector<float> values;
  for (const ChannelPart& part : parts) {
    list.push_back({{"channel", part.channel}, {"alpha", part.alpha}, {"share", part.share}});
    const std::span<const float> all = activation.values();
    for (std::size_t i = part.channel; i < all.size(); i += activation.dim(2)) {
      values.push_back(all[i]);
    }
  }
  set_data(engine, std::span<const float>(values));
  return Json{{"rows", activation.dim(0)},
              {"cols", activation.dim(1)},
              {"total", activation.dim(2)},
              {"channels", std::move(list)}};
}

Result<std::size_t> begin_explain(gradcam_engine* engine, std::span<const int32_t> classes,
                                  std::string_view method_name, std::string_view layer_name,
                                  std::uint32_t channels) {
  drop_passes(engine);
  GRADCAM_TRY(const Method method, find_method(method_name));
  GRADCAM_TRY(const std::size_t layer, find_map_layer(layer_name));
  GRADCAM_CHECK_OK(check_classified(engine));
  const Vgg16& model = engine->member->model();
  // A negative number wraps to one that no model has, and is refused with the others.
  std::vector<std::size_t> indices(classes.begin(), classes.end());
  GRADCAM_TRY(PassPlan plan,
              plan_explanation(model, engine->input, engine->member->activations(), indices, method,
                               {.layers = {layer}, .channels = channels}));
  GRADCAM_TRY(PassRun run, PassRun::begin(model, std::move(plan)));
  const std::size_t passes = run.passes();
  engine->explaining.emplace(std::move(run), std::move(indices));
  return passes;
}

Result<std::size_t> begin_measure(gradcam_engine* engine, int32_t class_index, const float* heatmap,
                                  int32_t rows, int32_t cols) {
  drop_passes(engine);
  GRADCAM_CHECK_OK(check_heatmap(rows, cols));
  GRADCAM_CHECK_OK(check_classified(engine));
  const Vgg16& model = engine->member->model();
  const auto index = static_cast<std::size_t>(class_index);
  Heatmap map{
      .rows = static_cast<std::size_t>(rows), .cols = static_cast<std::size_t>(cols), .values = {}};
  map.values.assign(heatmap, heatmap + map.rows * map.cols);
  GRADCAM_TRY(Activations activations, model.make_activations());
  auto scratch = std::make_unique<Activations>(std::move(activations));
  GRADCAM_TRY(FaithfulnessMeter meter,
              FaithfulnessMeter::create(model, engine->input, index, kCurveSteps, *scratch));
  GRADCAM_CHECK_OK(meter.begin(map));
  GRADCAM_TRY(const Covered covered, classify_covered(model, engine->input, map, index));
  engine->measuring.emplace(std::move(scratch), std::move(meter),
                            Json{{"area", covered.area}, {"probability", covered.probability}},
                            std::nullopt);
  return engine->measuring->left();
}

Result<void> step(Measuring& measuring) {
  GRADCAM_CHECK_OK(measuring.meter.step());
  if (measuring.meter.left() > 0 || measuring.result) return {};
  measuring.result = measuring.meter.result();
  return measuring.meter.begin(constant_map());
}

/// How many passes are left of what has been begun.
Result<std::size_t> passes_left(const gradcam_engine* engine) {
  if (engine->explaining) return engine->explaining->run.left();
  if (engine->measuring) return engine->measuring->left();
  return fail(ErrorCode::kInvalidArgument, "nothing has been begun that takes passes");
}

Result<std::size_t> step(gradcam_engine* engine) {
  GRADCAM_TRY(const std::size_t left, passes_left(engine));
  if (left == 0) return fail(ErrorCode::kInvalidArgument, "no passes are left");
  GRADCAM_CHECK_OK(engine->explaining ? engine->explaining->run.step() : step(*engine->measuring));
  return left - 1;
}

Json curves(const Faithfulness& of) {
  return {{"insertion", of.insertion},
          {"deletion", of.deletion},
          {"insertion_curve", of.insertion_curve},
          {"deletion_curve", of.deletion_curve}};
}

Json outcome_of(const Measuring& measuring) {
  Json json = curves(*measuring.result);
  json["probability"] = measuring.result->probability;
  json["drop"] = measuring.result->drop;
  json["increase"] = measuring.result->increase;
  json["covered"] = measuring.covered;
  json["random"] = curves(measuring.meter.result());
  return json;
}

Result<Json> finish_passes(gradcam_engine* engine) {
  GRADCAM_TRY(const std::size_t left, passes_left(engine));
  if (left > 0) return fail(ErrorCode::kInvalidArgument, "passes are left");
  Json json;
  if (engine->explaining) {
    GRADCAM_TRY(const std::vector<Heatmap> maps, engine->explaining->run.maps());
    json = give_maps(engine, engine->explaining->classes, maps);
  } else {
    json = outcome_of(*engine->measuring);
  }
  drop_passes(engine);
  return json;
}

Result<Json> described(const Result<std::size_t>& passes) {
  if (!passes) return std::unexpected(passes.error());
  return Json{{"passes", *passes}};
}

}  // namespace

extern "C" {

int32_t gradcam_explain(gradcam_engine* engine, const int32_t* classes, uint32_t count,
                        const char* method, uint32_t method_bytes, const char* layer,
                        uint32_t layer_bytes, uint32_t channels) {
  return finish(engine, described(begin_explain(engine, {classes, count}, {method, method_bytes},
                                                {layer, layer_bytes}, channels)));
}

int32_t gradcam_measure(gradcam_engine* engine, int32_t class_index, const float* heatmap,
                        int32_t rows, int32_t cols) {
  return finish(engine, described(begin_measure(engine, class_index, heatmap, rows, cols)));
}

int32_t gradcam_passes_step(gradcam_engine* engine) {
  return finish(engine, described(step(engine)));
}

int32_t gradcam_passes_finish(gradcam_engine* engine) {
  return finish(engine, finish_passes(engine));
}

int32_t gradcam_evidence(gradcam_engine* engine, uint32_t channels) {
  return finish(engine, evidence(engine, channels));
}

int32_t gradcam_members_explain(gradcam_engine* engine, const int32_t* classes, uint32_t count,
                                const char* method, uint32_t method_bytes, const char* layer,
                                uint32_t layer_bytes) {
  return finish(engine, plain(members_explain(engine, {classes, count}, {method, method_bytes},
                                              {layer, layer_bytes})));
}

int32_t gradcam_members_maps(gradcam_engine* engine) {
  return finish(engine, members_maps(engine));
}

}  // extern "C"
