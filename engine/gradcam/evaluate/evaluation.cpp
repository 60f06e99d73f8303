#include "gradcam/evaluate/evaluation.h"

#include <algorithm>
#include <cmath>

#include "gradcam/explain/warm.h"

namespace gradcam {
namespace {

constexpr std::size_t kBins = 15;

/// What is at least half white is the object.
bool is_object(const Image& mask, int column, int row) {
  constexpr std::uint8_t kHalfWhite = 128;
  const auto pixel = static_cast<std::size_t>(row) * static_cast<std::size_t>(mask.width) +
                     static_cast<std::size_t>(column);
  return mask.rgb[pixel * 3] >= kHalfWhite;
}

/// The smallest box around the object, in pixels of the photo; 0 x 0 if there is none.
Box object_box(const Image& mask, int photo_width, int photo_height) {
  int left = mask.width;
  int right = 0;
  int top = mask.height;
  int bottom = 0;
  for (int row = 0; row < mask.height; ++row) {
    for (int column = 0; column < mask.width; ++column) {
      if (!is_object(mask, column, row)) continue;
      left = std::min(left, column);
      right = std::max(right, column + 1);
      top = std::min(top, row);
      bottom = std::max(bottom, row + 1);
    }
  }
  if (right <= left) return {};
  const double width = photo_width / static_cast<double>(mask.width);
  const double height = photo_height / static_cast<double>(mask.height);
  return {.x = left * width,
          .y = top * height,
          .width = (right - left) * width,
          .height = (bottom - top) * height};
}

/// Intersection over union; 0 of boxes without area.
double iou(const Box& a, const Box& b) {
  const double width = std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x);
  const double height = std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  const double both = width * height;
  return both / (a.width * a.height + b.width * b.height - both);
}

}  // namespace

Evaluation::Evaluation(std::size_t classes)
    : bins_(kBins), confusion_(classes, std::vector<std::size_t>(classes)) {}

void Evaluation::add(std::size_t truth, std::span<const Prediction> predictions) {
  const Prediction& best = predictions.front();
  const bool right = best.index == truth;
  ++photos_;
  ++confusion_[truth][best.index];
  top1_ += right ? 1 : 0;
  top5_ += std::ranges::any_of(predictions.first(std::min<std::size_t>(5, predictions.size())),
                               [&](const Prediction& p) { return p.index == truth; })
               ? 1
               : 0;
  const auto bin = static_cast<std::size_t>(best.probability * static_cast<float>(kBins));
  Bin& counted = bins_[std::min(bin, kBins - 1)];
  ++counted.photos;
  counted.right += right ? 1 : 0;
  counted.probability += best.probability;
}

double Evaluation::share(std::size_t count) const {
  return photos_ == 0 ? 0 : static_cast<double>(count) / static_cast<double>(photos_);
}

double Evaluation::expected_calibration_error() const {
  double error = 0;
  for (const Bin& bin : bins_) error += std::abs(bin.probability - static_cast<double>(bin.right));
  return photos_ == 0 ? 0 : error / static_cast<double>(photos_);
}

MaskAgreement compare_with_mask(const Heatmap& map, const Box& crop, int photo_width,
                                int photo_height, const Image& mask) {
  MaskAgreement agreement;
  if (map.status != HeatmapStatus::kOk || !has_cells(map) || photo_width <= 0 ||
      photo_height <= 0 || !check_image(mask) ||
      !std::isfinite(crop.x + crop.y + crop.width + crop.height)) {
    return agreement;
  }
  // (x, y): 0..1 over the crop.
  const auto on_object = [&](double x, double y) {
    const double photo_x = (crop.x + x * crop.width) / photo_width;
    const double photo_y = (crop.y + y * crop.height) / photo_height;
    const auto column = static_cast<int>(std::clamp(photo_x * mask.width, 0.0, mask.width - 1.0));
    const auto row = static_cast<int>(std::clamp(photo_y * mask.height, 0.0, mask.height - 1.0));
    return is_object(mask, column, row);
  };
  const auto hottest =
      static_cast<std::size_t>(std::ranges::max_element(map.values) - map.values.begin());
  const auto cell_centre = [](std::size_t cell, std::size_t cells) {
    return (static_cast<double>(cell) + 0.5) / static_cast<double>(cells);
  };
  agreement.pointing = on_object(cell_centre(hottest % map.cols, map.cols),
                                 cell_centre(hottest / map.cols, map.rows));
  constexpr std::size_t kSamples = 112;  // a side: eight for each cell of a map of 14 x 14
  double inside = 0;
  double total = 0;
  for (std::size_t row = 0; row < kSamples; ++row) {
    for (std::size_t column = 0; column < kSamples; ++column) {
      const double x = cell_centre(column, kSamples);
      const double y = cell_centre(row, kSamples);
      const double heat = double{heat_at(map, x, y)};
      total += heat;
      if (on_object(x, y)) inside += heat;
    }
  }
  agreement.heat_inside = total > 0 ? inside / total : 0;
  agreement.box_iou = iou(warm_box(map, crop), object_box(mask, photo_width, photo_height));
  return agreement;
}

}  // namespace gradcam
