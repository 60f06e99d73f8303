#include "gradcam/explain/explain.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "gradcam/evaluate/trust.h"
#include "gradcam/explain/closer.h"
#include "gradcam/explain/evidence.h"
#include "gradcam/explain/together.h"
#include "gradcam/explain/warm.h"
#include "gradcam_engine.h"

using namespace gradcam;

namespace {

Result<void> check_classified(const gradcam_engine* engine) {
  if (engine->is_photos && engine->member && engine->member->is_classified()) return {};
  return fail(ErrorCode::kInvalidArgument, "no photo has been classified");
}

/// Leaves the maps at gradcam_data, and says what they are.
Json give_maps(gradcam_engine* engine, std::span<const std::size_t> classes,
               const std::vector<Heatmap>& maps) {
  Json list = Json::array();
  std::vector<float> values;
  for (std::size_t i = 0; i < maps.size(); ++i) {
    Json box;  // null, of a map without heat
    if (maps[i].status == HeatmapStatus::kOk) {
      const CellBox warm = warm_cells(maps[i]);
      box = {{"x", warm.x}, {"y", warm.y}, {"width", warm.width}, {"height", warm.height}};
    }
    list.push_back({{"class", classes[i]},
                    {"status", heatmap_status_name(maps[i].status)},
                    {"maximum", maps[i].maximum},
                    {"box", std::move(box)}});
    values.insert(values.end(), maps[i].values.begin(), maps[i].values.end());
  }
  set_data(engine, std::span<const float>(values));
  return Json{{"rows", maps.empty() ? 0 : maps.front().rows},
              {"cols", maps.empty() ? 0 : maps.front().cols},
              {"maps", std::move(list)}};
}

Result<void> members_begin_explain(gradcam_engine* engine, std::span<const int32_t> classes,
                                   std::string_view method_name, std::string_view layer_name,
                                   std::uint32_t channels) {
  GRADCAM_CHECK_OK(check_model(engine));
  drop_passes(engine);
  GRADCAM_TRY(const Method method, find_method(method_name));
  GRADCAM_TRY(const std::size_t layer, find_map_layer(layer_name));
  const bool is_first = engine->member->model().share().member == 0;
  if (is_first) GRADCAM_CHECK_OK(check_classified(engine));
  // A negative number wraps to one that no model has, and is refused with the others.
  std::vector<std::size_t> indices(classes.begin(), classes.end());
  GRADCAM_CHECK_OK(begin_together(*engine->member, method, indices, layer));
  if (is_first) engine->explaining.emplace(method, std::move(indices), layer, channels);
  return {};
}

Result<void> members_begin_evidence(gradcam_engine* engine, int32_t class_index,
                                    std::string_view layer_name) {
  GRADCAM_CHECK_OK(check_model(engine));
  drop_passes(engine);
  GRADCAM_TRY(const std::size_t layer, find_map_layer(layer_name));
  Member& member = *engine->member;
  if (member.model().share().member == 0) GRADCAM_CHECK_OK(check_classified(engine));
  return begin_evidence(member, static_cast<std::size_t>(class_index), layer);
}

Result<Json> members_evidence(gradcam_engine* engine, std::size_t count_for,
                              std::size_t count_against) {
  GRADCAM_CHECK_OK(check_done(engine));
  const std::vector<Gathered>& gathered = engine->member->gathered();
  const auto is_evidence = [](const Gathered& of) {
    return of.gradients.size() == 1 && !of.activation.empty() &&
           of.gradients.front().size() == of.activation.dim(2);
  };
  if (gathered.empty() || !is_evidence(gathered.front())) {
    return fail(ErrorCode::kInvalidArgument, "no evidence has been gathered");
  }
  const Tensor& activation = gathered.front().activation;
  const Tensor& alpha = gathered.front().gradients.front();
  const Evidence evidence = take_apart(activation, alpha.values(), count_for, count_against);
  Json list = Json::array();
  std::vector<float> values = evidence.sum;
  values.insert(values.end(), evidence.others.begin(), evidence.others.end());
  for (const ChannelPart& part : evidence.channels) {
    list.push_back({{"channel", part.channel}, {"alpha", part.alpha}, {"share", part.share}});
    const std::span<const float> all = activation.values();
    for (std::size_t i = part.channel; i < all.size(); i += activation.dim(2)) {
      values.push_back(all[i]);
    }
  }
  values.insert(values.end(), alpha.values().begin(), alpha.values().end());
  set_data(engine, std::span<const float>(values));
  return Json{{"rows", activation.dim(0)},
              {"cols", activation.dim(1)},
              {"channels", std::move(list)},
              {"others_share", evidence.others_share}};
}

/// A heatmap that was given away once, back again.
Result<Heatmap> heatmap_of(const float* values, int32_t rows, int32_t cols) {
  GRADCAM_CHECK_OK(check_heatmap(rows, cols));
  Heatmap map{
      .rows = static_cast<std::size_t>(rows), .cols = static_cast<std::size_t>(cols), .values = {}};
  map.values.assign(values, values + map.rows * map.cols);
  const auto is_warm = [](float value) { return value > 0; };
  map.status =
      std::ranges::any_of(map.values, is_warm) ? HeatmapStatus::kOk : HeatmapStatus::kEmpty;
  return map;
}

Result<Json> closer(const gradcam_engine* engine, const float* heatmap, int32_t rows, int32_t cols,
                    const Box& crop) {
  GRADCAM_CHECK_OK(check_photo(engine));
  GRADCAM_TRY(const Heatmap map, heatmap_of(heatmap, rows, cols));
  return to_json(closer_box(map, crop, *engine->photo));
}

/// When all members are done with what they began to explain: what is left to do.
Result<InPasses> plan_passes(gradcam_engine* engine, const Explaining& explaining) {
  Member& member = *engine->member;
  GRADCAM_TRY(MapPlan plan,
              plan_together(member, engine->input, explaining.method, explaining.classes,
                            explaining.layer, {.channels = explaining.channels}));
  GRADCAM_TRY(PassRun run, PassRun::begin(std::move(plan.passes), member.model().logits()));
  const auto outcome = [engine, classes = explaining.classes,
                        maps_of = std::move(plan.outcome)](const Tensor& logits) -> Result<Json> {
    GRADCAM_TRY(const std::vector<Heatmap> maps, maps_of(logits));
    return give_maps(engine, classes, maps);
  };
  return InPasses{.run = std::move(run), .outcome = outcome};
}

Json to_json(const Insertion& insertion) {
  return {{"area", insertion.area}, {"curve", insertion.curve}};
}

Json to_json(const Trust& trust) {
  return {{"probability", trust.probability}, {"covered_area", trust.covered_area},
          {"covered", trust.covered},         {"covered_centre", trust.covered_centre},
          {"map", to_json(trust.map)},        {"random_order", to_json(trust.random_order)},
          {"centre", to_json(trust.centre)}};
}

Result<void> members_begin_measure(gradcam_engine* engine, int32_t class_index,
                                   const float* heatmap, int32_t rows, int32_t cols) {
  drop_passes(engine);
  GRADCAM_TRY(const Heatmap map, heatmap_of(heatmap, rows, cols));
  GRADCAM_CHECK_OK(check_classified(engine));
  const Vgg16& model = engine->member->model();
  GRADCAM_TRY(PassPlan<Trust> plan,
              plan_trust(model, engine->input, static_cast<std::size_t>(class_index), map));
  GRADCAM_TRY(PassRun run, PassRun::begin(std::move(plan.passes), model.logits()));
  const auto outcome = [trust_of = std::move(plan.outcome)](const Tensor& logits) -> Result<Json> {
    GRADCAM_TRY(const Trust trust, trust_of(logits));
    return to_json(trust);
  };
  engine->in_passes.emplace(std::move(run), outcome);
  return {};
}

/// Takes what the members have done, and says what is left.
Result<Json> passes_left(gradcam_engine* engine) {
  GRADCAM_CHECK_OK(check_done(engine));
  if (engine->explaining) {
    GRADCAM_TRY(engine->in_passes, plan_passes(engine, *engine->explaining));
    engine->explaining.reset();
  }
  if (!engine->in_passes) {
    return fail(ErrorCode::kInvalidArgument, "nothing has been begun that takes passes");
  }
  PassRun& run = engine->in_passes->run;
  if (std::exchange(engine->is_passing, false)) {
    GRADCAM_CHECK_OK(run.take(engine->member->activations().logits));
  }
  const auto from = run.from();
  return Json{{"passes", run.left()}, {"from", from ? Json(map_layer_name(*from)) : Json()}};
}

Result<void> members_begin_pass(gradcam_engine* engine, std::string_view from_name) {
  GRADCAM_CHECK_OK(check_model(engine));
  std::optional<std::size_t> from;
  if (!from_name.empty()) {
    GRADCAM_TRY(from, find_map_layer(from_name));
  }
  Member& member = *engine->member;
  if (member.model().share().member > 0) {
    engine->is_photos = false;
    return begin_pass(member, from, nullptr);
  }
  if (!engine->in_passes || engine->is_passing || engine->in_passes->run.left() == 0) {
    return fail(ErrorCode::kInvalidArgument, "no passes are left");
  }
  GRADCAM_TRY(const Tensor start, engine->in_passes->run.start());
  engine->is_photos = false;
  GRADCAM_CHECK_OK(begin_pass(member, engine->in_passes->run.from(), &start));
  engine->is_passing = true;
  return {};
}

Result<Json> passes_finish(gradcam_engine* engine) {
  if (!engine->in_passes || engine->is_passing || engine->in_passes->run.left() > 0) {
    return fail(ErrorCode::kInvalidArgument, "passes are left");
  }
  auto json = engine->in_passes->outcome(engine->in_passes->run.logits());
  drop_passes(engine);
  return json;
}

}  // namespace

extern "C" {

int32_t gradcam_members_begin_explain(gradcam_engine* engine, const int32_t* classes,
                                      uint32_t count, const char* method, uint32_t method_bytes,
                                      const char* layer, uint32_t layer_bytes, uint32_t channels) {
  return finish(engine,
                plain(members_begin_explain(engine, {classes, count}, {method, method_bytes},
                                            {layer, layer_bytes}, channels)));
}

int32_t gradcam_members_begin_evidence(gradcam_engine* engine, int32_t class_index,
                                       const char* layer, uint32_t layer_bytes) {
  return finish(engine, plain(members_begin_evidence(engine, class_index, {layer, layer_bytes})));
}

int32_t gradcam_members_evidence(gradcam_engine* engine, uint32_t count_for,
                                 uint32_t count_against) {
  return finish(engine, members_evidence(engine, count_for, count_against));
}

int32_t gradcam_closer(gradcam_engine* engine, const float* heatmap, int32_t rows, int32_t cols,
                       double x, double y, double width, double height) {
  return finish(engine, closer(engine, heatmap, rows, cols, {x, y, width, height}));
}

int32_t gradcam_members_begin_measure(gradcam_engine* engine, int32_t class_index,
                                      const float* heatmap, int32_t rows, int32_t cols) {
  return finish(engine, plain(members_begin_measure(engine, class_index, heatmap, rows, cols)));
}

int32_t gradcam_passes_left(gradcam_engine* engine) { return finish(engine, passes_left(engine)); }

int32_t gradcam_members_begin_pass(gradcam_engine* engine, const char* from, uint32_t from_bytes) {
  return finish(engine, plain(members_begin_pass(engine, {from, from_bytes})));
}

int32_t gradcam_passes_finish(gradcam_engine* engine) {
  return finish(engine, passes_finish(engine));
}

}  // extern "C"
