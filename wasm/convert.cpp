// A whole model in smaller numbers.

#include <string_view>
#include <utility>

#include "engine.h"

using namespace gradcam;

namespace {

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

}  // namespace

extern "C" {

int32_t gradcam_convert_begin(gradcam_engine* engine, const uint8_t* header, uint32_t count,
                              double file_bytes, const char* precision, uint32_t precision_bytes) {
  return finish(engine,
                convert_begin(engine, {header, count}, file_bytes, {precision, precision_bytes}));
}

int32_t gradcam_convert_piece(gradcam_engine* engine, const uint8_t* bytes, uint32_t count) {
  return finish(engine, convert_piece(engine, {bytes, count}));
}

}  // extern "C"
