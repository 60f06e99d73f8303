// The model: loaded piece by piece, and another last layer on it.

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include "gradcam_engine.h"

using namespace gradcam;

namespace {

Result<Vgg16Loader> loader_for(std::span<const std::uint8_t> header, double file_bytes,
                               const LoadOptions& options) {
  GRADCAM_TRY(const std::uint64_t size, check_file_bytes(file_bytes));
  GRADCAM_TRY(SafetensorsHeader parsed, parse_safetensors_header(header, size));
  return Vgg16Loader::begin(std::move(parsed), options);
}

Result<Json> describe_model(std::span<const std::uint8_t> header, double file_bytes) {
  GRADCAM_TRY(const Vgg16Loader loader, loader_for(header, file_bytes, {}));
  return Json{{"multiply_adds", loader.info().multiply_adds()}};
}

Result<Json> begin_model(gradcam_engine* engine, std::span<const std::uint8_t> bytes,
                         double file_bytes, const LoadOptions& options) {
  GRADCAM_TRY(engine->loader, loader_for(bytes, file_bytes, options));
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

Result<Json> use_head(gradcam_engine* engine, std::span<const std::uint8_t> bytes) {
  GRADCAM_CHECK_OK(check_model(engine));
  std::optional<Head> head;
  if (!bytes.empty()) {
    GRADCAM_TRY(head, parse_head(bytes));
  }
  GRADCAM_CHECK_OK(engine->member->use_head(head ? &*head : nullptr));
  drop_passes(engine);
  engine->messages.clear();
  return to_json(model_info(engine));
}

}  // namespace

extern "C" {

int32_t gradcam_model_header_bytes(gradcam_engine* engine, const uint8_t* bytes, uint32_t count,
                                   double file_bytes) {
  return finish(engine, [&]() -> Result<Json> {
    GRADCAM_TRY(const std::uint64_t size, check_file_bytes(file_bytes));
    GRADCAM_TRY(const std::uint64_t header, safetensors_header_bytes({bytes, count}, size));
    return Json{{"header_bytes", header}};
  }());
}

int32_t gradcam_model_describe(gradcam_engine* engine, const uint8_t* header, uint32_t count,
                               double file_bytes) {
  return finish(engine, describe_model({header, count}, file_bytes));
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

int32_t gradcam_model_use_head(gradcam_engine* engine, const uint8_t* bytes, uint32_t count) {
  return finish(engine, use_head(engine, {bytes, count}));
}

}  // extern "C"
