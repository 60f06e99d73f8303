// Other weights: a last layer that is taught or read, and a whole model in smaller numbers.

#include <string_view>
#include <utility>

#include "engine.h"

using namespace gradcam;

namespace {

Result<Json> use_head(gradcam_engine* engine, std::span<const std::uint8_t> bytes) {
  GRADCAM_CHECK_OK(check_model(engine));
  std::optional<Head> head;
  if (!bytes.empty()) {
    GRADCAM_TRY(head, parse_head(bytes));
  }
  GRADCAM_CHECK_OK(engine->member->use_head(head ? &*head : nullptr));
  drop_passes(engine);
  engine->classified = false;
  engine->messages.clear();
  return to_json(model_info(engine));
}

/// What the converter takes next.
Json wanted(const ModelConverter& converter) {
  const auto range = converter.wanted();
  return range ? Json{range->begin, range->end} : Json();
}

Result<Json> convert_begin(gradcam_engine* engine, std::span<const std::uint8_t> bytes,
                           double file_bytes, std::string_view precision) {
  GRADCAM_TRY(const std::uint64_t size, check_file_bytes(file_bytes));
  GRADCAM_TRY(SafetensorsHeader header, parse_safetensors_header(bytes, size));
  const auto found = precision_from_name(precision);
  if (!found) return fail(ErrorCode::kInvalidArgument, "there is no such precision");
  ConvertOptions options{.precision = *found, .classes = {}, .metadata = {}};
  GRADCAM_TRY(options.metadata, parse_metadata(header.metadata));
  // Everything about the old file is checked before anything is made of it.
  GRADCAM_TRY(const Vgg16Loader loader, Vgg16Loader::begin(header));
  if (options.metadata.preprocess.empty()) {
    options.metadata.preprocess = to_json(loader.info().preprocess);
  }
  GRADCAM_TRY(engine->converter, ModelConverter::create(std::move(header), std::move(options)));
  set_data(engine, engine->converter->beginning());
  return Json{{"bytes", engine->converter->file_bytes()}, {"wanted", wanted(*engine->converter)}};
}

Result<Json> convert_piece(gradcam_engine* engine, std::span<const std::uint8_t> bytes) {
  if (!engine->converter) return fail(ErrorCode::kInvalidArgument, "no model is being converted");
  GRADCAM_TRY(const auto converted, engine->converter->provide(bytes));
  set_data(engine, converted);
  Json result{{"wanted", wanted(*engine->converter)}};
  if (!engine->converter->wanted()) engine->converter.reset();
  return result;
}

Result<Json> features(gradcam_engine* engine) {
  GRADCAM_CHECK_OK(check_done(engine));
  set_data(engine, std::as_const(*engine->member).activations().fc2.values());
  return Json::object();
}

Result<Json> teach_begin(gradcam_engine* engine, const float* features,
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

Result<Json> teach_step(gradcam_engine* engine, std::size_t steps) {
  if (!engine->teacher) return fail(ErrorCode::kInvalidArgument, "nothing is being taught");
  Teacher& teacher = *engine->teacher;
  for (; steps > 0 && !teacher.finished(); --steps) GRADCAM_CHECK_OK(teacher.step());
  const auto losses = teacher.losses().subspan(engine->losses_told);
  engine->losses_told += losses.size();
  return Json{{"done", teacher.finished()},
              {"losses", std::vector<double>(losses.begin(), losses.end())},
              {"left_out", teacher.left_out().done},
              {"right", teacher.left_out().right}};
}

Result<Json> teach_finish(gradcam_engine* engine, std::string_view labels) {
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

int32_t gradcam_model_head(gradcam_engine* engine, const uint8_t* bytes, uint32_t count) {
  return finish(engine, use_head(engine, {bytes, count}));
}

int32_t gradcam_convert_begin(gradcam_engine* engine, const uint8_t* header, uint32_t count,
                              double file_bytes, const char* precision, uint32_t precision_bytes) {
  return finish(engine,
                convert_begin(engine, {header, count}, file_bytes, {precision, precision_bytes}));
}

int32_t gradcam_convert_piece(gradcam_engine* engine, const uint8_t* bytes, uint32_t count) {
  return finish(engine, convert_piece(engine, {bytes, count}));
}

int32_t gradcam_members_features(gradcam_engine* engine) {
  return finish(engine, features(engine));
}

int32_t gradcam_teach_begin(gradcam_engine* engine, const float* features, const int32_t* labels,
                            uint32_t photos, uint32_t views) {
  return finish(engine, teach_begin(engine, features, {labels, photos}, views));
}

int32_t gradcam_teach_step(gradcam_engine* engine, uint32_t steps) {
  return finish(engine, teach_step(engine, steps));
}

int32_t gradcam_teach_finish(gradcam_engine* engine, const char* labels, uint32_t label_bytes) {
  return finish(engine, teach_finish(engine, {labels, label_bytes}));
}

}  // extern "C"
