// Heatmaps as pictures.

#include <span>
#include <string>
#include <string_view>

#include "gradcam/image/colormap.h"
#include "gradcam/image/overlay.h"
#include "gradcam/image/png.h"
#include "gradcam_engine.h"

using namespace gradcam;

namespace {

Result<void> colour_heat(gradcam_engine* engine, const float* heatmap, int32_t rows, int32_t cols,
                         int32_t width, int32_t height, std::string_view name, float threshold) {
  GRADCAM_CHECK_OK(check_heatmap(rows, cols));
  if (!is_side(width) || !is_side(height)) {
    return fail(ErrorCode::kInvalidArgument, "a picture of a heatmap cannot be " +
                                                 std::to_string(width) + " x " +
                                                 std::to_string(height) + " pixels");
  }
  GRADCAM_TRY(const Colormap colormap, find_colormap(name));
  const std::span values(heatmap, static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  engine->data = heat_rgba(values, rows, cols, width, height, colormap, threshold);
  if (engine->data.empty()) return fail(ErrorCode::kOutOfMemory, "no memory for the colours");
  return {};
}

Result<void> overlay_png(gradcam_engine* engine, const float* heatmap, int32_t rows, int32_t cols,
                         const Box& crop, std::string_view name, float alpha, float threshold) {
  GRADCAM_CHECK_OK(check_photo(engine));
  GRADCAM_CHECK_OK(check_heatmap(rows, cols));
  GRADCAM_TRY(const Colormap colormap, find_colormap(name));
  const std::span values(heatmap, static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  engine->data = {};  // may be another picture
  GRADCAM_TRY(const Image image,
              overlay(*engine->photo, crop, values, rows, cols, colormap, alpha, threshold));
  GRADCAM_TRY(engine->data, encode_png(image, kOverlaySoftware));
  return {};
}

}  // namespace

extern "C" {

int32_t gradcam_heat_rgba(gradcam_engine* engine, const float* heatmap, int32_t rows, int32_t cols,
                          int32_t width, int32_t height, const char* colormap,
                          uint32_t colormap_bytes, float threshold) {
  return finish(engine, plain(colour_heat(engine, heatmap, rows, cols, width, height,
                                          {colormap, colormap_bytes}, threshold)));
}

int32_t gradcam_overlay_png(gradcam_engine* engine, const float* heatmap, int32_t rows,
                            int32_t cols, double x, double y, double width, double height,
                            const char* colormap, uint32_t colormap_bytes, float alpha,
                            float threshold) {
  return finish(engine, plain(overlay_png(engine, heatmap, rows, cols, {x, y, width, height},
                                          {colormap, colormap_bytes}, alpha, threshold)));
}

}  // extern "C"
