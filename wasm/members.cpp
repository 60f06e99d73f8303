// Members that divide the model: classifying, step by step.

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "gradcam/explain/together.h"
#include "gradcam/train/views.h"
#include "gradcam_engine.h"

using namespace gradcam;

namespace {

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
    engine->is_photos = true;
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
  GRADCAM_CHECK_OK(check_done_with_photo(engine));
  const Vgg16& model = engine->member->model();
  const Activations& activations = engine->member->activations();
  return Json{{"predictions", to_json(model.predictions(activations), model.info())},
              {"others", others_to_json(model.others_probability(activations), model.info())}};
}

Result<Json> features(gradcam_engine* engine) {
  GRADCAM_CHECK_OK(check_done_with_photo(engine));
  set_data(engine, engine->member->activations().fc2.values());
  return Json::object();
}

}  // namespace

extern "C" {

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

int32_t gradcam_members_features(gradcam_engine* engine) {
  return finish(engine, features(engine));
}

}  // extern "C"
