#include "gradcam_wasm.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "explain/json.h"
#include "explain/methods.h"
#include "image/colormap.h"
#include "image/decode.h"
#include "image/overlay.h"
#include "image/png.h"
#include "vgg16/loader.h"

using namespace gradcam;

/// One model, one photo, and the outcome of the last call.
struct gradcam_engine {
  std::optional<Vgg16Loader> loader;
  std::optional<Vgg16> model;
  Activations activations;
  std::optional<Image> photo;
  bool classified = false;  // activations belong to photo

  std::string message;
  std::vector<std::uint8_t> data;
};

namespace {

constexpr std::string_view kSimd =
#if defined(__wasm_relaxed_simd__)
    "relaxed";
#elif defined(__wasm_simd128__)
    "simd128";
#else
    "none";
#endif

class Stopwatch {
 public:
  double milliseconds() const {
    const std::chrono::duration<double, std::milli> passed =
        std::chrono::steady_clock::now() - start_;
    return passed.count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Turns the outcome of a call into the engine's message and the status that C sees.
int32_t finish(gradcam_engine* engine, const Result<Json>& result) {
  engine->message = dump(result ? *result : to_json(result.error()));
  return result ? 0 : 1;
}

template <class T>
void set_data(gradcam_engine* engine, std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  engine->data.resize(bytes.size());
  std::memcpy(engine->data.data(), bytes.data(), bytes.size());
}

Result<void> check_model(const gradcam_engine* engine) {
  if (engine->model) return {};
  return fail(ErrorCode::kInvalidArgument, "no model is loaded");
}

Result<void> check_photo(const gradcam_engine* engine) {
  if (engine->photo) return {};
  return fail(ErrorCode::kInvalidArgument, "no photo is loaded");
}

Result<void> check_heatmap(int32_t rows, int32_t cols) {
  constexpr int32_t kMaxSide = 4096;
  if (rows > 0 && cols > 0 && rows <= kMaxSide && cols <= kMaxSide) return {};
  return fail(ErrorCode::kInvalidArgument, "a heatmap cannot have " + std::to_string(rows) +
                                               " rows and " + std::to_string(cols) + " columns");
}

Result<std::uint64_t> check_file_bytes(double file_bytes) {
  constexpr double kLargestExact = 9007199254740992.0;  // 2^53
  if (file_bytes >= 0 && file_bytes <= kLargestExact) return static_cast<std::uint64_t>(file_bytes);
  return fail(ErrorCode::kInvalidArgument, "the size of the file is not a number of bytes");
}

Result<Json> begin_model(gradcam_engine* engine, std::span<const std::uint8_t> bytes,
                         double file_bytes) {
  GRADCAM_TRY(const std::uint64_t size, check_file_bytes(file_bytes));
  GRADCAM_TRY(SafetensorsHeader header, parse_safetensors_header(bytes, size));
  GRADCAM_TRY(engine->loader, Vgg16Loader::begin(std::move(header)));
  Json tensors = Json::array();
  const SafetensorsHeader& checked = engine->loader->header();
  for (std::size_t i = 0; i < checked.tensors.size(); ++i) {
    const TensorInfo& info = checked.tensors[i];
    tensors.push_back({{"name", info.name},
                       {"begin", checked.data_offset + info.begin},
                       {"end", checked.data_offset + info.end},
                       {"row_bytes", engine->loader->row_bytes(i)}});
  }
  return Json{{"tensors", std::move(tensors)}};
}

Result<Json> provide_tensor(gradcam_engine* engine, std::uint32_t index,
                            std::span<const std::uint8_t> bytes) {
  if (!engine->loader) return fail(ErrorCode::kInvalidArgument, "no model is being loaded");
  GRADCAM_CHECK_OK(engine->loader->provide(index, bytes));
  return Json::object();
}

Result<Json> finish_model(gradcam_engine* engine) {
  if (!engine->loader) return fail(ErrorCode::kInvalidArgument, "no model is being loaded");
  auto model = engine->loader->finish();
  engine->loader.reset();
  if (!model) return std::unexpected(model.error());
  GRADCAM_TRY(Activations activations, model->make_activations());
  engine->model = *std::move(model);
  engine->activations = std::move(activations);
  engine->classified = false;
  return to_json(engine->model->info());
}

Result<Json> take_photo(gradcam_engine* engine, Result<Image> image, std::string_view format,
                        const Stopwatch& watch) {
  GRADCAM_CHECK_OK(check_model(engine));
  engine->photo.reset();
  engine->classified = false;
  GRADCAM_TRY(engine->photo, std::move(image));
  const Image& photo = *engine->photo;
  const Box crop = crop_box(engine->model->info().preprocess, photo.width, photo.height);
  return Json{{"width", photo.width},
              {"height", photo.height},
              {"format", format},
              {"crop", to_json(crop)},
              {"milliseconds", watch.milliseconds()}};
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

Result<Json> forward(gradcam_engine* engine) {
  GRADCAM_CHECK_OK(check_model(engine));
  GRADCAM_CHECK_OK(check_photo(engine));
  const Stopwatch preprocess_watch;
  GRADCAM_TRY(const Tensor input, preprocess(*engine->photo, engine->model->info().preprocess));
  const double preprocess_ms = preprocess_watch.milliseconds();
  const Stopwatch forward_watch;
  engine->classified = false;
  GRADCAM_CHECK_OK(engine->model->forward(input, engine->activations));
  engine->classified = true;
  const double forward_ms = forward_watch.milliseconds();
  return Json{{"predictions",
               to_json(engine->model->predictions(engine->activations), engine->model->info())},
              {"milliseconds", {{"preprocess", preprocess_ms}, {"forward", forward_ms}}}};
}

Result<Json> explain(gradcam_engine* engine, std::span<const int32_t> classes,
                     std::string_view method_name) {
  GRADCAM_TRY(const Method method, find_method(method_name));
  if (!engine->classified) {
    return fail(ErrorCode::kInvalidArgument, "no photo has been classified");
  }
  const Stopwatch watch;
  // A negative number wraps to one that no model has, and is refused with the others.
  const std::vector<std::size_t> indices(classes.begin(), classes.end());
  GRADCAM_TRY(const std::vector<Heatmap> maps,
              method.explain(*engine->model, engine->activations, indices));
  Json list = Json::array();
  std::vector<float> values;
  for (std::size_t i = 0; i < maps.size(); ++i) {
    list.push_back({{"class", classes[i]},
                    {"status", heatmap_status_name(maps[i].status)},
                    {"max", maps[i].maximum}});
    values.insert(values.end(), maps[i].values.begin(), maps[i].values.end());
  }
  set_data(engine, std::span<const float>(values));
  const Tensor& layer = engine->activations.block5_conv3();
  return Json{{"rows", layer.dim(0)},
              {"cols", layer.dim(1)},
              {"maps", std::move(list)},
              {"milliseconds", watch.milliseconds()}};
}

Result<Json> colour_heat(gradcam_engine* engine, const float* heatmap, int32_t rows, int32_t cols,
                         int32_t width, int32_t height, std::string_view name) {
  GRADCAM_CHECK_OK(check_heatmap(rows, cols));
  GRADCAM_CHECK_OK(check_heatmap(height, width));
  GRADCAM_TRY(const Colormap colormap, find_colormap(name));
  const std::span values(heatmap, static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  engine->data = heat_rgba(values, rows, cols, width, height, colormap);
  return Json{{"width", width}, {"height", height}};
}

Result<Json> overlay_png(gradcam_engine* engine, const float* heatmap, int32_t rows, int32_t cols,
                         std::string_view name, float alpha) {
  GRADCAM_CHECK_OK(check_model(engine));
  GRADCAM_CHECK_OK(check_photo(engine));
  GRADCAM_CHECK_OK(check_heatmap(rows, cols));
  GRADCAM_TRY(const Colormap colormap, find_colormap(name));
  const Image& photo = *engine->photo;
  const Box crop = crop_box(engine->model->info().preprocess, photo.width, photo.height);
  const std::span values(heatmap, static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  GRADCAM_TRY(const Image image, overlay(photo, crop, values, rows, cols, colormap, alpha));
  GRADCAM_TRY(engine->data, encode_png(image));
  return Json{{"width", image.width}, {"height", image.height}};
}

}  // namespace

extern "C" {

void* gradcam_alloc(uint32_t bytes) { return std::malloc(std::max<uint32_t>(bytes, 1)); }

void gradcam_free(void* pointer) { std::free(pointer); }

gradcam_engine* gradcam_create() { return new (std::nothrow) gradcam_engine; }

void gradcam_destroy(gradcam_engine* engine) { delete engine; }

const char* gradcam_message(const gradcam_engine* engine) { return engine->message.data(); }

uint32_t gradcam_message_bytes(const gradcam_engine* engine) {
  return static_cast<uint32_t>(engine->message.size());
}

const void* gradcam_data(const gradcam_engine* engine) { return engine->data.data(); }

uint32_t gradcam_data_bytes(const gradcam_engine* engine) {
  return static_cast<uint32_t>(engine->data.size());
}

int32_t gradcam_about(gradcam_engine* engine) {
  Json convolutions = Json::array();
  for (const ConvAlgorithm algorithm : conv_algorithms()) {
    convolutions.push_back(conv_algorithm_name(algorithm));
  }
  Json all_methods = Json::array();
  for (const Method& method : methods()) {
    all_methods.push_back(
        {{"name", method.name}, {"title", method.title}, {"about", method.about}});
  }
  return finish(engine, Json{{"version", GRADCAM_VERSION},
                             {"simd", kSimd},
                             {"convolutions", std::move(convolutions)},
                             {"colormaps", colormap_names()},
                             {"methods", std::move(all_methods)},
                             {"layers", {"block5_conv3"}}});
}

int32_t gradcam_model_header_bytes(gradcam_engine* engine, const uint8_t* bytes, uint32_t count,
                                   double file_bytes) {
  return finish(engine, [&]() -> Result<Json> {
    GRADCAM_TRY(const std::uint64_t size, check_file_bytes(file_bytes));
    GRADCAM_TRY(const std::uint64_t header, safetensors_header_bytes({bytes, count}, size));
    return Json{{"header_bytes", header}};
  }());
}

int32_t gradcam_model_begin(gradcam_engine* engine, const uint8_t* header, uint32_t count,
                            double file_bytes) {
  engine->loader.reset();
  return finish(engine, begin_model(engine, {header, count}, file_bytes));
}

int32_t gradcam_model_tensor(gradcam_engine* engine, uint32_t index, const uint8_t* bytes,
                             uint32_t count) {
  return finish(engine, provide_tensor(engine, index, {bytes, count}));
}

int32_t gradcam_model_finish(gradcam_engine* engine) {
  return finish(engine, finish_model(engine));
}

int32_t gradcam_photo_decode(gradcam_engine* engine, const uint8_t* bytes, uint32_t count) {
  const Stopwatch watch;
  const std::span file(bytes, count);
  return finish(engine, take_photo(engine, decode_image(file), sniff_format(file), watch));
}

int32_t gradcam_photo_rgba(gradcam_engine* engine, const uint8_t* rgba, int32_t width,
                           int32_t height) {
  const Stopwatch watch;
  if (width < 1 || height < 1) {
    return finish(engine, fail(ErrorCode::kInvalidArgument, "a photo has at least one pixel"));
  }
  const std::size_t bytes = static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 4;
  return finish(engine,
                take_photo(engine, image_from_rgba({rgba, bytes}, width, height), "rgba", watch));
}

int32_t gradcam_photo_preview(gradcam_engine* engine, int32_t max_side) {
  return finish(engine, preview(engine, max_side));
}

int32_t gradcam_forward(gradcam_engine* engine) { return finish(engine, forward(engine)); }

int32_t gradcam_explain(gradcam_engine* engine, const int32_t* classes, uint32_t count,
                        const char* method, uint32_t method_bytes) {
  return finish(engine, explain(engine, {classes, count}, {method, method_bytes}));
}

int32_t gradcam_heat_rgba(gradcam_engine* engine, const float* heatmap, int32_t rows, int32_t cols,
                          int32_t width, int32_t height, const char* colormap,
                          uint32_t colormap_bytes) {
  return finish(
      engine, colour_heat(engine, heatmap, rows, cols, width, height, {colormap, colormap_bytes}));
}

int32_t gradcam_overlay_png(gradcam_engine* engine, const float* heatmap, int32_t rows,
                            int32_t cols, const char* colormap, uint32_t colormap_bytes,
                            float alpha) {
  return finish(engine,
                overlay_png(engine, heatmap, rows, cols, {colormap, colormap_bytes}, alpha));
}

}  // extern "C"
