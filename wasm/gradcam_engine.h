#pragma once

/// What the C functions of gradcam_wasm.h have in common.

#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gradcam/explain/json.h"
#include "gradcam/explain/methods.h"
#include "gradcam/explain/passes.h"
#include "gradcam/image/image.h"
#include "gradcam/image/preprocess.h"
#include "gradcam/image/resize.h"
#include "gradcam/import/importing_converter.h"
#include "gradcam/train/teacher.h"
#include "gradcam/vgg16/loader.h"
#include "gradcam/vgg16/member.h"
#include "gradcam/weights/convert_model.h"
#include "gradcam_wasm.h"

namespace gradcam {

/// Maps that the members have begun to make.
struct Explaining {
  Method method;
  std::vector<std::size_t> classes;
  std::size_t layer;
  std::size_t channels;
};

/// Maps, or the measures of one, when all is done but forward passes.
struct InPasses {
  PassRun run;
  std::function<Result<Json>(const Tensor& logits)> outcome;
};

}  // namespace gradcam

/// One model or a share of one, one photo, and the outcome of the last call.
struct gradcam_engine {
  std::optional<gradcam::Vgg16Loader> loader;
  std::optional<gradcam::ModelConverter> converter;
  std::optional<gradcam::ImportingConverter> importer;
  std::optional<gradcam::Member> member;
  std::optional<gradcam::Image> photo;
  std::optional<gradcam::Box> crop;        // the part of photo that the network is to be shown
  std::vector<gradcam::Tensor> views;      // in the place of photo: what the network is shown of it
  gradcam::Tensor input;                   // the network's, of crop, at member 0
  bool is_photos = false;                  // the forward pass begun last is of photo
  std::vector<gradcam::Message> messages;  // to other members, the next one last
  gradcam::Tensor sent;                    // what the last one says, until the next call
  /// What is under way at member 0, one of the two at most; it looks at the model and the input.
  std::optional<gradcam::Explaining> explaining;
  std::optional<gradcam::InPasses> in_passes;
  bool is_passing = false;  // the members run one of the passes
  std::optional<gradcam::Teacher> teacher;
  std::size_t losses_told = 0;  // of the teacher's

  std::string message;
  std::vector<std::uint8_t> data;
};

namespace gradcam {

/// Ends what is under way, as what it looks at is about to change.
inline void drop_passes(gradcam_engine* engine) {
  engine->explaining.reset();
  engine->in_passes.reset();
  engine->is_passing = false;
}

/// Turns the outcome of a call into the engine's message and the status that C sees.
inline int32_t finish(gradcam_engine* engine, const Result<Json>& result) {
  engine->sent = {};
  engine->message = dump(result ? *result : to_json(result.error()));
  return result ? 0 : 1;
}

/// The outcome of a call that has nothing to tell but whether it went well.
inline Result<Json> plain(const Result<void>& result) {
  return result ? Result<Json>(Json::object()) : std::unexpected(result.error());
}

template <class T>
void set_data(gradcam_engine* engine, std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  engine->data.resize(bytes.size());
  std::memcpy(engine->data.data(), bytes.data(), bytes.size());
}

inline Result<void> check_model(const gradcam_engine* engine) {
  if (engine->member) return {};
  return fail(ErrorCode::kInvalidArgument, "no model is loaded");
}

inline Result<void> check_photo(const gradcam_engine* engine) {
  if (engine->photo) return {};
  return fail(ErrorCode::kInvalidArgument, "no photo is loaded");
}

constexpr bool is_side(int32_t side) { return side > 0 && side <= 4096; }

inline Result<void> check_heatmap(int32_t rows, int32_t cols) {
  if (is_side(rows) && is_side(cols)) return {};
  return fail(ErrorCode::kInvalidArgument, "a heatmap cannot have " + std::to_string(rows) +
                                               " rows and " + std::to_string(cols) + " columns");
}

inline Result<std::uint64_t> check_file_bytes(double file_bytes) {
  constexpr double kLargestExact = 9007199254740992.0;  // 2^53
  if (file_bytes >= 0 && file_bytes <= kLargestExact) return static_cast<std::uint64_t>(file_bytes);
  return fail(ErrorCode::kInvalidArgument, "the size of the file is not a number of bytes");
}

inline const ModelInfo& model_info(const gradcam_engine* engine) {
  return engine->member->model().info();
}

inline Result<void> check_done(const gradcam_engine* engine) {
  GRADCAM_CHECK_OK(check_model(engine));
  const Member& member = *engine->member;
  if (member.is_classified() && member.progress() == Progress::kDone) return {};
  return fail(ErrorCode::kInvalidArgument, "the members are not done");
}

/// The same, and that it was the photo as it is now that went through the network last.
inline Result<void> check_done_with_photo(const gradcam_engine* engine) {
  GRADCAM_CHECK_OK(check_done(engine));
  if (engine->is_photos) return {};
  return fail(ErrorCode::kInvalidArgument, "no photo has been classified");
}

/// The part of the photo that the network is shown: the one that was chosen, or what the model's
/// preprocessing keeps; all of it without a model.
inline Box present_crop(const gradcam_engine* engine) {
  if (engine->crop) return *engine->crop;
  const Image& photo = *engine->photo;
  return engine->member ? crop_box(model_info(engine).preprocess, photo.width, photo.height)
                        : Box{.width = static_cast<double>(photo.width),
                              .height = static_cast<double>(photo.height)};
}

}  // namespace gradcam
