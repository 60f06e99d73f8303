// How another program uses the library: names what a photo shows and where that is seen.
//
//   consumer MODEL PHOTO OVERLAY.png
#include <gradcam/explain/grad_cam.h>
#include <gradcam/image/decode.h>
#include <gradcam/image/overlay.h>
#include <gradcam/image/png.h>
#include <gradcam/image/preprocess.h>
#include <gradcam/import/importing_loader.h>
#include <gradcam/vgg16/loader.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "settings.h"

namespace {

gradcam::Result<std::vector<std::uint8_t>> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  // Of a folder there is nothing: its buffer throws, which the stream keeps to itself.
  if (!(content << file.rdbuf())) {
    return gradcam::fail(gradcam::ErrorCode::kUnreadableFile, path + " cannot be read");
  }
  const std::string bytes = std::move(content).str();
  return std::vector<std::uint8_t>(bytes.begin(), bytes.end());
}

gradcam::Result<void> write_file(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
  file.close();
  if (!file) return gradcam::fail(gradcam::ErrorCode::kUnreadableFile, path + " cannot be written");
  return {};
}

gradcam::Result<void> explain(const char* model_path, const char* photo_path,
                              const char* overlay_path) {
  GRADCAM_TRY(const std::vector<std::uint8_t> file, read_file(model_path));
  GRADCAM_TRY(const gradcam::Vgg16 model, gradcam::is_foreign_model(file)
                                              ? gradcam::import_vgg16(file)
                                              : gradcam::load_vgg16(file));
  GRADCAM_TRY(const std::vector<std::uint8_t> photo_file, read_file(photo_path));
  GRADCAM_TRY(const gradcam::Image photo, gradcam::decode_image(photo_file));
  const gradcam::Preprocess& preprocess = model.info().preprocess;
  const gradcam::Box crop = gradcam::crop_box(preprocess, photo.width, photo.height);
  GRADCAM_TRY(const gradcam::Tensor input, gradcam::preprocess(photo, preprocess, crop));

  GRADCAM_TRY(gradcam::Activations activations, model.make_activations());
  GRADCAM_CHECK_OK(model.forward(input, activations));
  const gradcam::Prediction best = model.predictions(activations).front();
  GRADCAM_TRY(const std::vector<gradcam::Heatmap> heatmaps,
              gradcam::grad_cam(model, activations, std::vector{best.index}));

  const gradcam::Heatmap& heatmap = heatmaps.front();
  const std::size_t hottest =
      static_cast<std::size_t>(std::ranges::max_element(heatmap.values) - heatmap.values.begin());
  std::printf("%s (%.0f %%), seen most at row %zu of %zu, column %zu of %zu\n",
              model.info().metadata.labels[best.index].c_str(), 100.0 * best.probability,
              hottest / heatmap.cols, heatmap.rows, hottest % heatmap.cols, heatmap.cols);

  GRADCAM_TRY(const gradcam::Colormap turbo, gradcam::find_colormap("turbo"));
  GRADCAM_TRY(const gradcam::Image picture,
              gradcam::overlay(photo, crop, heatmap.values, heatmap.rows, heatmap.cols, turbo));
  GRADCAM_TRY(const std::vector<std::uint8_t> png, gradcam::encode_png(picture));
  return write_file(overlay_path, png);
}

/// Whether a library that gradcam uses, too, still is this program's own.
bool reads_settings() {
  return read_setting("{\"classes\": 3}", "classes") == 3 && !read_setting("{}", "classes") &&
         !read_setting("{\"classes\": \"x\"}", "classes") && !read_setting("{", "classes");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: consumer MODEL PHOTO OVERLAY.png\n");
    return 2;
  }
  if (const auto done = explain(argv[1], argv[2], argv[3]); !done) {
    std::fprintf(stderr, "%s\n", done.error().message.c_str());
    return 1;
  }
  if (!reads_settings()) {
    std::fprintf(stderr, "JSON is read otherwise than it was written for\n");
    return 1;
  }
  return 0;
}
