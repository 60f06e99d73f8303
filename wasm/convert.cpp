// A whole model in smaller numbers.

#include <string_view>
#include <utility>

#include "gradcam/import/labels.h"
#include "gradcam/vgg16/plan_conversion.h"
#include "gradcam_engine.h"

using namespace gradcam;

namespace {

/// How far a ModelConverter or an ImportingConverter is.
template <class Converter>
Json state_of(const Converter& converter) {
  const auto range = converter.wanted();
  return Json{{"bytes", converter.file_bytes()},
              {"wanted", range ? Json{range->begin, range->end} : Json()}};
}

/// What the new file is to be.
Result<ConvertOptions> plan(const SafetensorsHeader& header, std::string_view precision,
                            const std::vector<std::string>& labels) {
  const auto found = precision_from_name(precision);
  if (!found) return fail(ErrorCode::kInvalidArgument, "there is no such precision");
  return plan_conversion(header, *found, labels);
}

/// Of the text of a file that names classes, or of none.
Result<std::vector<std::string>> labels_of(std::string_view text) {
  if (text.empty()) return std::vector<std::string>();
  return parse_labels(text);
}

Result<Json> convert_begin(gradcam_engine* engine, std::span<const std::uint8_t> bytes,
                           double file_bytes, std::string_view precision, std::string_view labels) {
  GRADCAM_TRY(const std::uint64_t size, check_file_bytes(file_bytes));
  GRADCAM_TRY(const auto names, labels_of(labels));
  GRADCAM_TRY(SafetensorsHeader header, parse_safetensors_header(bytes, size));
  GRADCAM_TRY(ConvertOptions options, plan(header, precision, names));
  GRADCAM_TRY(engine->converter, ModelConverter::create(std::move(header), std::move(options)));
  engine->importer.reset();
  set_data(engine, engine->converter->beginning());
  return state_of(*engine->converter);
}

Result<Json> import_begin(gradcam_engine* engine, double file_bytes, double beside_bytes,
                          std::string_view precision, std::string_view name,
                          std::string_view values, std::string_view labels) {
  GRADCAM_TRY(const std::uint64_t size, check_file_bytes(file_bytes));
  GRADCAM_TRY(const std::uint64_t beside, check_file_bytes(beside_bytes));
  ImportOptions options{.source = std::string(name)};
  // Under whatever name: it has been chosen for it.
  if (beside > 0) options.find_beside = [beside](const std::string&) { return beside; };
  if (!values.empty()) {
    options.preprocess = preprocess_from_name(values);
    if (!options.preprocess) {
      return fail(ErrorCode::kInvalidArgument, "there are no such values");
    }
  }
  GRADCAM_TRY(options.labels, labels_of(labels));
  engine->converter.reset();
  engine->importer.emplace(size, std::move(options),
                           [precision = std::string(precision)](const SafetensorsHeader& header) {
                             return plan(header, precision, {});
                           });
  set_data(engine, std::span<const std::uint8_t>());
  return state_of(*engine->importer);
}

template <class Converter>
Result<Json> provide(gradcam_engine* engine, std::optional<Converter>& converter,
                     std::span<const std::uint8_t> bytes) {
  GRADCAM_TRY(const auto converted, converter->provide(bytes));
  set_data(engine, converted);
  const Json state = state_of(*converter);
  if (!converter->wanted()) converter.reset();
  return state;
}

Result<Json> convert_piece(gradcam_engine* engine, std::span<const std::uint8_t> bytes) {
  if (engine->converter) return provide(engine, engine->converter, bytes);
  if (engine->importer) return provide(engine, engine->importer, bytes);
  return fail(ErrorCode::kInvalidArgument, "no model is being converted");
}

}  // namespace

extern "C" {

int32_t gradcam_convert_begin(gradcam_engine* engine, const uint8_t* header, uint32_t count,
                              double file_bytes, const char* precision, uint32_t precision_bytes,
                              const char* labels, uint32_t labels_bytes) {
  return finish(engine, convert_begin(engine, {header, count}, file_bytes,
                                      {precision, precision_bytes}, {labels, labels_bytes}));
}

int32_t gradcam_import_begin(gradcam_engine* engine, double file_bytes, double beside_bytes,
                             const char* precision, uint32_t precision_bytes, const char* name,
                             uint32_t name_bytes, const char* values, uint32_t values_bytes,
                             const char* labels, uint32_t labels_bytes) {
  return finish(engine,
                import_begin(engine, file_bytes, beside_bytes, {precision, precision_bytes},
                             {name, name_bytes}, {values, values_bytes}, {labels, labels_bytes}));
}

int32_t gradcam_convert_piece(gradcam_engine* engine, const uint8_t* bytes, uint32_t count) {
  return finish(engine, convert_piece(engine, {bytes, count}));
}

}  // extern "C"
