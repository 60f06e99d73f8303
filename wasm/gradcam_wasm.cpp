#include "gradcam_wasm.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine.h"
#include "gradcam/explain/methods.h"
#include "gradcam/explain/together.h"
#include "gradcam/image/colormap.h"
#include "gradcam/image/decode.h"
#include "gradcam/image/overlay.h"
#include "gradcam/image/png.h"
#include "gradcam/kernels/instruction_set.h"
#include "gradcam/train/views.h"

using namespace gradcam;

namespace {

Result<Json> begin_model(gradcam_engine* engine, std::span<const std::uint8_t> bytes,
                         double file_bytes, const LoadOptions& options) {
  GRADCAM_TRY(const std::uint64_t size, check_file_bytes(file_bytes));
  GRADCAM_TRY(SafetensorsHeader header, parse_safetensors_header(bytes, size));
  GRADCAM_TRY(engine->loader, Vgg16Loader::begin(std::move(header), options));
  // Together they may not fit, and what a WebAssembly memory once had it never gives back.
  engine->member.reset();
  engine->teacher.reset();  // what it learns belongs to the model before
  drop_passes(engine);
  engine->input = {};
  Json tensors = Json::array();
  const SafetensorsHeader& checked = engine->loader->header();
  for (const std::size_t i : engine->loader->order()) {
    const FileRange range = engine->loader->wanted(i);
    tensors.push_back({{"index", i},
                       {"name", checked.tensors[i].name},
                       {"begin", range.begin},
                       {"end", range.end},
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

/// The part of the photo that the network is shown: the one that was chosen, or what the model's
/// preprocessing keeps; all of it without a model.
Box present_crop(const gradcam_engine* engine) {
  if (engine->crop) return *engine->crop;
  const Image& photo = *engine->photo;
  return engine->member ? crop_box(model_info(engine).preprocess, photo.width, photo.height)
                        : Box{.width = static_cast<double>(photo.width),
                              .height = static_cast<double>(photo.height)};
}

Result<Json> finish_model(gradcam_engine* engine) {
  if (!engine->loader) return fail(ErrorCode::kInvalidArgument, "no model is being loaded");
  auto model = engine->loader->finish();
  engine->loader.reset();
  if (!model) return std::unexpected(model.error());
  GRADCAM_TRY(Member member, Member::create(*std::move(model)));
  drop_passes(engine);
  engine->member = std::move(member);
  engine->messages.clear();
  return to_json(model_info(engine));
}

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

/// What the network is shown of the photo.
Result<Tensor> input_of(const gradcam_engine& engine, std::size_t view) {
  if (view < engine.views.size()) return engine.views[view].clone();
  GRADCAM_CHECK_OK(check_photo(&engine));
  return preprocess_view(*engine.photo, model_info(&engine).preprocess, present_crop(&engine),
                         view);
}

Result<void> members_begin_forward(gradcam_engine* engine, std::size_t view,
                                   std::string_view method_name, std::string_view layer_name) {
  GRADCAM_CHECK_OK(check_model(engine));
  GRADCAM_TRY(const Method method, find_method(method_name));
  GRADCAM_TRY(const std::size_t layer, find_map_layer(layer_name));
  drop_passes(engine);
  engine->is_photos = false;
  engine->messages.clear();
  if (engine->member->model().share().member > 0) {
    return engine->member->begin_forward(nullptr, outlook(method, layer));
  }
  GRADCAM_TRY(engine->input, input_of(*engine, view));
  engine->is_photos = true;
  return engine->member->begin_forward(&engine->input, outlook(method, layer));
}

Result<void> members_step(gradcam_engine* engine) {
  GRADCAM_CHECK_OK(check_model(engine));
  const auto progress = engine->member->step();
  return progress ? Result<void>() : std::unexpected(progress.error());
}

Result<Json> members_unread(const gradcam_engine* engine) {
  GRADCAM_CHECK_OK(check_model(engine));
  const auto [rows, row_bytes] = engine->member->unread();
  return Json{{"begin", rows.begin}, {"end", rows.end}, {"row_bytes", row_bytes}};
}

Result<void> members_read(gradcam_engine* engine, std::span<const std::uint8_t> bytes) {
  GRADCAM_CHECK_OK(check_model(engine));
  return engine->member->read(bytes);
}

/// Where a message, which the member has already, is still to be written.
Result<float*> members_receive(gradcam_engine* engine, std::size_t from, std::size_t count) {
  GRADCAM_CHECK_OK(check_model(engine));
  GRADCAM_TRY(Tensor message, Tensor::uninitialized({count}));
  float* const numbers = message.data();
  GRADCAM_CHECK_OK(engine->member->receive(from, std::move(message)));
  return numbers;
}

Result<Json> members_predictions(const gradcam_engine* engine) {
  GRADCAM_CHECK_OK(check_done(engine));
  const Vgg16& model = engine->member->model();
  const Activations& activations = engine->member->activations();
  return Json{{"predictions", to_json(model.predictions(activations), model.info())},
              {"others", others_to_json(model.others_probability(activations), model.info())}};
}

Result<void> colour_heat(gradcam_engine* engine, const float* heatmap, int32_t rows, int32_t cols,
                         int32_t width, int32_t height, std::string_view name) {
  GRADCAM_CHECK_OK(check_heatmap(rows, cols));
  if (!is_side(width) || !is_side(height)) {
    return fail(ErrorCode::kInvalidArgument, "a picture of a heatmap cannot be " +
                                                 std::to_string(width) + " x " +
                                                 std::to_string(height) + " pixels");
  }
  GRADCAM_TRY(const Colormap colormap, find_colormap(name));
  const std::span values(heatmap, static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  engine->data = heat_rgba(values, rows, cols, width, height, colormap);
  if (engine->data.empty()) return fail(ErrorCode::kOutOfMemory, "no memory for the colours");
  return {};
}

Result<void> overlay_png(gradcam_engine* engine, const float* heatmap, int32_t rows, int32_t cols,
                         const Box& crop, std::string_view name, float alpha) {
  GRADCAM_CHECK_OK(check_photo(engine));
  GRADCAM_CHECK_OK(check_heatmap(rows, cols));
  GRADCAM_TRY(const Colormap colormap, find_colormap(name));
  const std::span values(heatmap, static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  engine->data = {};  // may be another picture
  GRADCAM_TRY(const Image image,
              overlay(*engine->photo, crop, values, rows, cols, colormap, alpha));
  GRADCAM_TRY(engine->data, encode_png(image, kOverlaySoftware));
  return {};
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
                           {"is_slow", method.is_slow},
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

int32_t gradcam_model_header_bytes(gradcam_engine* engine, const uint8_t* bytes, uint32_t count,
                                   double file_bytes) {
  return finish(engine, [&]() -> Result<Json> {
    GRADCAM_TRY(const std::uint64_t size, check_file_bytes(file_bytes));
    GRADCAM_TRY(const std::uint64_t header, safetensors_header_bytes({bytes, count}, size));
    return Json{{"header_bytes", header}};
  }());
}

int32_t gradcam_model_begin(gradcam_engine* engine, const uint8_t* header, uint32_t count,
                            double file_bytes, uint32_t member, uint32_t members,
                            uint32_t low_memory, uint32_t leave_fc1) {
  engine->loader.reset();
  const LoadOptions options{
      .low_memory = low_memory != 0, .leave_fc1 = leave_fc1 != 0, .share = {member, members}};
  return finish(engine, begin_model(engine, {header, count}, file_bytes, options));
}

int32_t gradcam_model_tensor(gradcam_engine* engine, uint32_t index, const uint8_t* bytes,
                             uint32_t count) {
  return finish(engine, provide_tensor(engine, index, {bytes, count}));
}

int32_t gradcam_model_finish(gradcam_engine* engine) {
  return finish(engine, finish_model(engine));
}

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

int32_t gradcam_members_begin_forward(gradcam_engine* engine, uint32_t view, const char* method,
                                      uint32_t method_bytes, const char* layer,
                                      uint32_t layer_bytes) {
  return finish(engine, plain(members_begin_forward(engine, view, {method, method_bytes},
                                                    {layer, layer_bytes})));
}

int32_t gradcam_members_progress(const gradcam_engine* engine) {
  return static_cast<int32_t>(engine->member ? engine->member->progress() : Progress::kDone);
}

int32_t gradcam_members_step(gradcam_engine* engine) {
  return finish(engine, plain(members_step(engine)));
}

int32_t gradcam_members_unread(gradcam_engine* engine) {
  return finish(engine, members_unread(engine));
}

int32_t gradcam_members_read(gradcam_engine* engine, const uint8_t* bytes, uint32_t count) {
  return finish(engine, plain(members_read(engine, {bytes, count})));
}

int32_t gradcam_members_take_message(gradcam_engine* engine) {
  std::vector<Message>& messages = engine->messages;
  if (messages.empty() && engine->member) {
    messages = engine->member->take_messages();
    std::ranges::reverse(messages);
  }
  if (messages.empty()) return -1;
  const std::size_t member = messages.back().member;
  engine->sent = std::move(messages.back().values);
  messages.pop_back();
  return static_cast<int32_t>(member);
}

float* gradcam_members_receive(gradcam_engine* engine, uint32_t from, uint32_t count) {
  const auto numbers = members_receive(engine, from, count);
  finish(engine, numbers ? Result<Json>(Json::object()) : std::unexpected(numbers.error()));
  return numbers ? *numbers : nullptr;
}

int32_t gradcam_members_predictions(gradcam_engine* engine) {
  return finish(engine, members_predictions(engine));
}

int32_t gradcam_heat_rgba(gradcam_engine* engine, const float* heatmap, int32_t rows, int32_t cols,
                          int32_t width, int32_t height, const char* colormap,
                          uint32_t colormap_bytes) {
  return finish(engine, plain(colour_heat(engine, heatmap, rows, cols, width, height,
                                          {colormap, colormap_bytes})));
}

int32_t gradcam_overlay_png(gradcam_engine* engine, const float* heatmap, int32_t rows,
                            int32_t cols, double x, double y, double width, double height,
                            const char* colormap, uint32_t colormap_bytes, float alpha) {
  return finish(engine, plain(overlay_png(engine, heatmap, rows, cols, {x, y, width, height},
                                          {colormap, colormap_bytes}, alpha)));
}

}  // extern "C"
