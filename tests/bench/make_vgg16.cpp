// make_vgg16 FILE: writes VGG16 with generated weights as safetensors in float32, 537 MB, for the
// benchmarks: a VGG16 of full size that needs no download.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "support/generated_vgg16.h"

namespace {

using namespace gradcam;

Result<void> write_model(std::FILE* file) {
  GRADCAM_TRY(const SafetensorsHeader header, testing::generated_vgg16_header());
  const auto write = [file](const auto& values) -> Result<void> {
    if (std::fwrite(values.data(), sizeof(values[0]), values.size(), file) != values.size()) {
      return fail(ErrorCode::kUnreadableFile, "writing failed; is the disk full?");
    }
    return {};
  };
  GRADCAM_CHECK_OK(write(serialize_safetensors_header(header.tensors, header.metadata)));
  std::vector<float> values;
  for (std::size_t tensor = 0; tensor < header.tensors.size(); ++tensor) {
    const Shape& shape = header.tensors[tensor].shape;
    GRADCAM_TRY(const std::size_t count, element_count(shape));
    const std::size_t row = count / shape[0];
    const std::size_t rows_at_once = std::max<std::size_t>(1, (1 << 20) / row);
    for (std::size_t first = 0; first < shape[0]; first += rows_at_once) {
      values.resize(std::min(rows_at_once, shape[0] - first) * row);
      testing::generate_vgg16_rows(header, tensor, first, values);
      GRADCAM_CHECK_OK(write(values));
    }
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_vgg16 FILE\n");
    return 2;
  }
  std::FILE* file = std::fopen(argv[1], "wb");
  if (file == nullptr) {
    std::fprintf(stderr, "make_vgg16: cannot write %s\n", argv[1]);
    return 1;
  }
  Result<void> status = write_model(file);
  if (std::fclose(file) != 0 && status) {
    status = fail(ErrorCode::kUnreadableFile, "writing failed; is the disk full?");
  }
  if (!status) {
    std::fprintf(stderr, "make_vgg16: %s: %s\n", argv[1], status.error().message.c_str());
    return 1;
  }
  return 0;
}
