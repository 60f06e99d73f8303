#include "support/tensor_file.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "support/data_path.h"

namespace gradcam::testing {
namespace {

Result<const TensorFile::Entry*> find_of_type(const TensorFile& file, std::string_view name,
                                              DType dtype) {
  const TensorFile::Entry* entry = file.find(name);
  if (entry == nullptr || entry->info.dtype != dtype) {
    return fail(
        ErrorCode::kInvalidArgument,
        "the fixture has no " + std::string(dtype_name(dtype)) + " tensor " + std::string(name));
  }
  return entry;
}

}  // namespace

std::string oracle_fixture(std::string_view name) {
  return data_path("oracle/fixtures/").append(name) + ".safetensors";
}

Result<TensorFile> TensorFile::read(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return fail(ErrorCode::kUnreadableFile, "cannot open " + path);
  const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(stream), {}};
  GRADCAM_TRY(SafetensorsHeader header, parse_safetensors_header(bytes, bytes.size()));
  TensorFile file;
  file.metadata = std::move(header.metadata);
  const auto data = bytes.begin() + static_cast<std::ptrdiff_t>(header.data_offset);
  for (TensorInfo& info : header.tensors) {
    const auto begin = data + static_cast<std::ptrdiff_t>(info.begin);
    const auto end = data + static_cast<std::ptrdiff_t>(info.end);
    file.entries.push_back({std::move(info), {begin, end}});
  }
  return file;
}

TensorFile::Entry* TensorFile::find(std::string_view name) {
  const auto entry = std::ranges::find(
      entries, name, [](const Entry& e) { return std::string_view(e.info.name); });
  return entry == entries.end() ? nullptr : &*entry;
}

const TensorFile::Entry* TensorFile::find(std::string_view name) const {
  return const_cast<TensorFile*>(this)->find(name);
}

Result<Tensor> TensorFile::tensor(std::string_view name) const {
  GRADCAM_TRY(const Entry* entry, find_of_type(*this, name, DType::kF32));
  GRADCAM_TRY(Tensor result, Tensor::zeros(entry->info.shape));
  std::memcpy(result.data(), entry->bytes.data(), entry->bytes.size());
  return result;
}

Result<std::vector<std::int8_t>> TensorFile::int8(std::string_view name) const {
  GRADCAM_TRY(const Entry* entry, find_of_type(*this, name, DType::kI8));
  std::vector<std::int8_t> result(entry->bytes.size());
  std::memcpy(result.data(), entry->bytes.data(), result.size());
  return result;
}

std::vector<std::string> TensorFile::cases(std::string_view prefix) const {
  std::vector<std::string> names;
  for (const Entry& entry : entries) {
    if (!entry.info.name.starts_with(prefix)) continue;
    std::string name = entry.info.name.substr(0, entry.info.name.rfind('/'));
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

Result<std::vector<std::uint8_t>> TensorFile::serialize() const {
  std::vector<TensorInfo> infos;
  infos.reserve(entries.size());
  for (const Entry& entry : entries) infos.push_back(entry.info);
  GRADCAM_CHECK_OK(assign_offsets(infos));
  std::vector<std::uint8_t> file = serialize_safetensors_header(infos, metadata);
  for (const Entry& entry : entries) {
    file.insert(file.end(), entry.bytes.begin(), entry.bytes.end());
  }
  return file;
}

}  // namespace gradcam::testing
