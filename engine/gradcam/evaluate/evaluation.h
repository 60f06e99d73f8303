#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gradcam/explain/heatmap.h"
#include "gradcam/image/image.h"
#include "gradcam/image/resize.h"
#include "gradcam/vgg16/vgg16.h"

namespace gradcam {

/// Counts how often a model is right, over photos whose class is known.
class Evaluation {
 public:
  explicit Evaluation(std::size_t classes);

  /// Takes the predictions for one photo (every class, most probable first; there must be one) and
  /// its true class, which must be one of `classes`.
  void add(std::size_t truth, std::span<const Prediction> predictions);

  std::size_t photos() const { return photos_; }
  /// The share of photos whose class is the most probable one, or among the five most probable.
  double top1() const { return share(top1_); }
  double top5() const { return share(top5_); }
  /// Expected calibration error (Guo et al., "On Calibration of Modern Neural Networks", 2017): the
  /// mean distance between the probability of the first prediction and how often it is right, over
  /// 15 bins of equal width.
  double expected_calibration_error() const;
  /// confusion()[truth][prediction]: photos of class `truth` taken for class `prediction`.
  const std::vector<std::vector<std::size_t>>& confusion() const { return confusion_; }

 private:
  struct Bin {
    std::size_t photos = 0;
    std::size_t right = 0;
    double probability = 0;
  };

  double share(std::size_t count) const;

  std::size_t photos_ = 0;
  std::size_t top1_ = 0;
  std::size_t top5_ = 0;
  std::vector<Bin> bins_;
  std::vector<std::vector<std::size_t>> confusion_;
};

/// How a heatmap lies on a mask of the object.
struct MaskAgreement {
  bool pointing = false;   ///< the heatmap's maximum is on the object (Zhang et al., "Top-down
                           ///< Neural Attention by Excitation Backprop", 2016: the pointing game,
                           ///< here without their tolerance of 15 pixels)
  double heat_inside = 0;  ///< the share of the heat that is on the object, 0..1
  /// Of the map's warm_box and the smallest box around the object: their intersection over their
  /// union, 0..1. From one half on the object counts as localised (Zhou et al., see warm.h).
  double box_iou = 0;
};

/// Compares the heatmap of a photo's crop with a mask of the whole photo. The mask may have another
/// size in pixels than the photo, `photo_width` x `photo_height`; what is at least half white (128)
/// is the object. An empty heatmap agrees with nothing, and nothing with an empty mask.
MaskAgreement compare_with_mask(const Heatmap& map, const Box& crop, int photo_width,
                                int photo_height, const Image& mask);

}  // namespace gradcam
