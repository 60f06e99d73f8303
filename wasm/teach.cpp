// Teaching another last layer.

#include <string_view>
#include <utility>

#include "gradcam_engine.h"

using namespace gradcam;

namespace {

Result<Json> begin_teaching(gradcam_engine* engine, const float* features,
                            std::span<const std::int32_t> labels, std::size_t views) {
  GRADCAM_CHECK_OK(check_model(engine));
  Lesson lesson;
  const Shape shape = {labels.size(), views, model_info(engine).layers.back().weight[1]};
  GRADCAM_TRY(const std::size_t count, element_count(shape));
  GRADCAM_TRY(lesson.features, Tensor::from(shape, {features, count}));
  lesson.labels.assign(labels.begin(), labels.end());
  GRADCAM_TRY(engine->teacher, Teacher::create(std::move(lesson)));
  engine->losses_told = 0;
  return Json{{"steps", Teacher::steps()},
              {"trainings", engine->teacher->trainings()},
              {"groups", engine->teacher->left_out().groups}};
}

Result<Json> teach(gradcam_engine* engine, std::size_t steps) {
  if (!engine->teacher) return fail(ErrorCode::kInvalidArgument, "nothing is being taught");
  Teacher& teacher = *engine->teacher;
  for (; steps > 0 && !teacher.finished(); --steps) GRADCAM_CHECK_OK(teacher.step());
  const auto losses = teacher.losses().subspan(engine->losses_told);
  engine->losses_told += losses.size();
  Json mistakes = Json::array();
  for (const auto& [photo, taken_for] : teacher.left_out().mistakes) {
    mistakes.push_back({photo, taken_for});
  }
  return Json{{"done", teacher.finished()},
              {"losses", std::vector<double>(losses.begin(), losses.end())},
              {"left_out", teacher.left_out().done},
              {"mistakes", std::move(mistakes)}};
}

Result<Json> finish_teaching(gradcam_engine* engine, std::string_view labels) {
  if (!engine->teacher || !engine->teacher->finished()) {
    return fail(ErrorCode::kInvalidArgument, "nothing has been taught to its end");
  }
  GRADCAM_CHECK_OK(check_model(engine));
  const ModelInfo& base = model_info(engine);
  GRADCAM_TRY(DenseParameters trained, engine->teacher->head());
  GRADCAM_TRY(ModelMetadata metadata, parse_metadata({{"labels", std::string(labels)}}));
  metadata.temperature = engine->teacher->temperature();
  metadata.license = base.metadata.license;
  metadata.source = "a last layer taught in the page, on: " +
                    (base.metadata.source.empty() ? base.fingerprint : base.metadata.source);
  const Head head{.base = base.fingerprint,
                  .metadata = std::move(metadata),
                  .weight = std::move(trained.weight),
                  .bias = std::move(trained.bias)};
  GRADCAM_TRY(engine->data, serialize_head(head));
  engine->teacher.reset();
  return Json::object();
}

}  // namespace

extern "C" {

int32_t gradcam_begin_teaching(gradcam_engine* engine, const float* features, const int32_t* labels,
                               uint32_t photos, uint32_t views) {
  return finish(engine, begin_teaching(engine, features, {labels, photos}, views));
}

int32_t gradcam_teach(gradcam_engine* engine, uint32_t steps) {
  return finish(engine, teach(engine, steps));
}

int32_t gradcam_finish_teaching(gradcam_engine* engine, const char* labels, uint32_t label_bytes) {
  return finish(engine, finish_teaching(engine, {labels, label_bytes}));
}

}  // extern "C"
