#include "cli/checkpoint.h"

#include <utility>
#include <vector>

#include "cli/files.h"
#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "gradcam.cpp-checkpoint/1";

Result<ModelFile> open_checkpoint(const fs::path& path) {
  GRADCAM_TRY(ModelFile file, of_file(path, ModelFile::open(path)));
  const auto& metadata = file.header().metadata;
  const auto format = metadata.find("format");
  if (format == metadata.end() || format->second != kFormat) {
    return fail(ErrorCode::kCorruptModel, path.string() + " is no checkpoint of this version");
  }
  return file;
}

}  // namespace

Result<void> write_checkpoint(const fs::path& path, Trainer& trainer,
                              const CheckpointIdentity& identity) {
  std::map<std::string, std::string> metadata = identity;
  metadata["format"] = kFormat;
  metadata["progress"] = trainer.progress();
  std::vector<TensorInfo> tensors;
  for (const NamedTensor& t : trainer.state()) {
    tensors.push_back({.name = t.name, .dtype = DType::kF32, .shape = t.tensor->shape()});
  }
  GRADCAM_CHECK_OK(assign_offsets(tensors));
  const std::vector<std::uint8_t> header = serialize_safetensors_header(tensors, metadata);
  const std::uint64_t data = tensors.empty() ? 0 : tensors.back().end;
  GRADCAM_TRY(NewFile file, NewFile::create(path, header.size() + data));
  GRADCAM_CHECK_OK(file.write(header));
  for (const NamedTensor& t : trainer.state()) {
    GRADCAM_CHECK_OK(file.write({reinterpret_cast<const std::uint8_t*>(t.tensor->data()),
                                 t.tensor->size() * sizeof(float)}));
  }
  return file.commit();
}

Result<void> check_checkpoint(const fs::path& path, const CheckpointIdentity& identity) {
  GRADCAM_TRY(const ModelFile file, open_checkpoint(path));
  const SafetensorsHeader& header = file.header();
  std::vector<std::string> others;
  for (const auto& [key, expected] : identity) {
    const auto found = header.metadata.find(key);
    if (found != header.metadata.end() && found->second == expected) continue;
    const std::string was = found == header.metadata.end() ? "" : found->second;
    others.push_back(key + " (" + internal::quote(was) + ", not " + internal::quote(expected) +
                     ")");
  }
  if (others.empty()) return {};
  return fail(ErrorCode::kInvalidArgument,
              path.string() + " is a checkpoint of another " + internal::joined(others));
}

Result<void> read_checkpoint(const fs::path& path, Trainer& trainer) {
  GRADCAM_TRY(ModelFile file, open_checkpoint(path));
  const SafetensorsHeader& header = file.header();
  const std::vector<NamedTensor> state = trainer.state();
  for (const NamedTensor& t : state) {
    const TensorInfo* info = header.find(t.name);
    if (info == nullptr || info->dtype != DType::kF32 || info->shape != t.tensor->shape()) {
      return fail(ErrorCode::kInvalidArgument, path.string() + " has no tensor " + t.name +
                                                   " of the shape " + to_string(t.tensor->shape()) +
                                                   "; it is a checkpoint of another model");
    }
  }
  for (const NamedTensor& t : state) {
    const std::uint64_t begin = header.data_offset + header.find(t.name)->begin;
    const std::span bytes(reinterpret_cast<std::uint8_t*>(t.tensor->data()),
                          t.tensor->size() * sizeof(float));
    GRADCAM_CHECK_OK(of_file(path, file.read(begin, bytes)));
  }
  const auto progress = header.metadata.find("progress");
  return of_file(path, trainer.restore(progress == header.metadata.end() ? "" : progress->second));
}

}  // namespace gradcam
