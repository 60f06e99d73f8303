// libFuzzer target: any bytes as a model file of Keras, PyTorch or ONNX. What is imported must be a
// safetensors file of a VGG16, and nothing may be asked for that the file does not have.

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/promises.h"
#include "gradcam/image/preprocess.h"
#include "gradcam/import/importer.h"
#include "gradcam/weights/metadata.h"
#include "gradcam/weights/names.h"
#include "gradcam/weights/safetensors.h"

namespace gradcam {
namespace {

constexpr std::size_t kMostOut = 1 << 18;  // then it goes on as it began

void check_imported(const std::vector<std::uint8_t>& file, std::uint64_t file_bytes) {
  const auto header = parse_safetensors_header(file, file_bytes);
  require(header && map_names(*header));
  const auto metadata = parse_metadata(header->metadata);
  require(metadata && parse_preprocess(metadata->preprocess));
}

/// beside: how many bytes, the last ones, are those of a second file.
void fuzz(std::span<const std::uint8_t> file, ImportOptions options, std::size_t beside = 0) {
  if (beside > 0) options.find_beside = [beside](const std::string&) { return beside; };
  ModelImporter importer(file.size() - beside, std::move(options));
  std::vector<std::uint8_t> out;
  while (const auto wanted = importer.wanted()) {
    require(wanted->begin <= wanted->end && wanted->end <= file.size());
    const auto next = importer.provide(file.subspan(wanted->begin, wanted->end - wanted->begin));
    if (!holds(next)) return;
    out.insert(out.end(), next->begin(), next->end());
    if (out.size() > kMostOut) break;
  }
  check_imported(out, importer.file_bytes());
}

}  // namespace
}  // namespace gradcam

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gradcam::fuzz({data, size}, {});
  gradcam::fuzz({data, size}, {.source = "x", .labels = {"a", "b"}, .width = 3});
  std::vector<std::uint8_t> two(data, data + size);
  constexpr std::size_t kBeside = 4096;
  two.resize(size + kBeside);
  gradcam::fuzz(two, {}, kBeside);
  return 0;
}
