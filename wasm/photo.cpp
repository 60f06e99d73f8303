// The photo, and what the network is shown of it.

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "gradcam/image/decode.h"
#include "gradcam/train/views.h"
#include "gradcam_engine.h"

using namespace gradcam;

namespace {

/// Makes room for another photo.
void drop_photo(gradcam_engine* engine) {
  engine->photo.reset();
  engine->crop.reset();
  engine->views.clear();
  drop_passes(engine);
  engine->is_photos = false;
}

Result<Json> take_photo(gradcam_engine* engine, Result<Image> image, std::string_view format) {
  drop_photo(engine);
  GRADCAM_TRY(engine->photo, std::move(image));
  const Image& photo = *engine->photo;
  return Json{{"width", photo.width},
              {"height", photo.height},
              {"format", format},
              {"crop", to_json(present_crop(engine))}};
}

Result<Json> prepare_photo(gradcam_engine* engine, std::string_view preprocess, std::size_t views) {
  GRADCAM_CHECK_OK(check_photo(engine));
  GRADCAM_TRY(const Preprocess spec, parse_preprocess(preprocess));
  const Image& photo = *engine->photo;
  const Box crop = crop_box(spec, photo.width, photo.height);
  engine->data.clear();
  for (std::size_t view = 0; view < views; ++view) {
    GRADCAM_TRY(const Tensor input, preprocess_view(photo, spec, crop, view));
    const auto bytes = std::as_bytes(input.values());
    const auto* const begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
    engine->data.insert(engine->data.end(), begin, begin + bytes.size());
  }
  return Json{{"crop", to_json(crop)}};
}

Result<void> give_shown(gradcam_engine* engine) {
  if (engine->input.empty()) {
    return fail(ErrorCode::kInvalidArgument, "nothing has been classified");
  }
  set_data(engine, std::span<const float>(engine->input.values()));
  return {};
}

Result<void> take_prepared(gradcam_engine* engine, std::span<const float> values) {
  GRADCAM_CHECK_OK(check_model(engine));
  drop_photo(engine);
  const std::size_t side = model_info(engine).side();
  const Shape shape = {side, side, 3};
  GRADCAM_TRY(const std::size_t count, element_count(shape));
  if (values.empty() || values.size() % count != 0) {
    return fail(ErrorCode::kInvalidArgument, "a view has " + std::to_string(count) + " numbers");
  }
  for (; !values.empty(); values = values.subspan(count)) {
    GRADCAM_TRY(Tensor view, Tensor::from(shape, values.first(count)));
    engine->views.push_back(std::move(view));
  }
  return {};
}

Result<Json> crop_photo(gradcam_engine* engine, Box crop) {
  GRADCAM_CHECK_OK(check_model(engine));
  GRADCAM_CHECK_OK(check_photo(engine));
  const bool is_usual = crop.width == 0 && crop.height == 0;
  if (!is_usual) GRADCAM_CHECK_OK(check_box(crop, *engine->photo));
  drop_passes(engine);
  engine->is_photos = false;
  engine->crop = is_usual ? std::nullopt : std::optional(crop);
  return to_json(present_crop(engine));
}

Result<Json> preview(gradcam_engine* engine, int32_t max_side) {
  GRADCAM_CHECK_OK(check_photo(engine));
  if (max_side < 1) return fail(ErrorCode::kInvalidArgument, "a preview has at least one pixel");
  const Image& photo = *engine->photo;
  const double longest = std::max(photo.width, photo.height);
  const double scale = std::min(1.0, max_side / longest);
  const int width = std::max(1, static_cast<int>(photo.width * scale + 0.5));
  const int height = std::max(1, static_cast<int>(photo.height * scale + 0.5));
  Image shrunk;
  if (scale < 1) {
    GRADCAM_TRY(shrunk, resize_image(photo, width, height));
  }
  const Image& image = scale < 1 ? shrunk : photo;
  engine->data.resize(image.rgb.size() / 3 * 4);
  std::uint8_t* out = engine->data.data();
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) {
    out = std::copy_n(image.rgb.data() + i, 3, out);
    *out++ = 255;
  }
  return Json{{"width", width}, {"height", height}};
}

}  // namespace

extern "C" {

int32_t gradcam_photo_sniff(gradcam_engine* engine, const uint8_t* bytes, uint32_t count) {
  const std::span start(bytes, count);
  const Result<void> is_read = check_format(start);
  return finish(engine, Json{{"format", sniff_format(start)},
                             {"refusal", is_read ? Json() : to_json(is_read.error())}});
}

int32_t gradcam_photo_decode(gradcam_engine* engine, const uint8_t* bytes, uint32_t count) {
  const std::span file(bytes, count);
  return finish(engine, take_photo(engine, decode_image(file), sniff_format(file)));
}

int32_t gradcam_photo_set_pixels(gradcam_engine* engine, const uint8_t* rgba, int32_t width,
                                 int32_t height) {
  if (width < 1 || height < 1) {
    return finish(engine, fail(ErrorCode::kInvalidArgument, "a photo has at least one pixel"));
  }
  const std::size_t bytes = static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 4;
  return finish(engine, take_photo(engine, image_from_rgba({rgba, bytes}, width, height), "rgba"));
}

int32_t gradcam_photo_set_crop(gradcam_engine* engine, double x, double y, double width,
                               double height) {
  return finish(engine, crop_photo(engine, {x, y, width, height}));
}

int32_t gradcam_photo_preview(gradcam_engine* engine, int32_t max_side) {
  return finish(engine, preview(engine, max_side));
}

int32_t gradcam_photo_prepare(gradcam_engine* engine, const char* preprocess,
                              uint32_t preprocess_bytes, uint32_t views) {
  return finish(engine, prepare_photo(engine, {preprocess, preprocess_bytes}, views));
}

int32_t gradcam_photo_shown(gradcam_engine* engine) {
  return finish(engine, plain(give_shown(engine)));
}

int32_t gradcam_photo_set_prepared(gradcam_engine* engine, const float* views, uint32_t count) {
  return finish(engine, plain(take_prepared(engine, {views, count})));
}

}  // extern "C"
