#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "gradcam/image/image.h"
#include "gradcam/image/resize.h"
#include "gradcam/tensor/error.h"
#include "gradcam/tensor/tensor.h"

namespace gradcam {

/// How a photo of any shape becomes a square.
enum class ResizeRule {
  kShorterSide,  ///< The shorter side to `shorter_side`, then the central `crop` x `crop`.
  kSquash,       ///< The whole photo to `size` x `size`, whatever its aspect.
};

/// Of every side in a Preprocess, in pixels.
inline constexpr int kMaxPreprocessSide = 4096;

/// What a network expects of its input. The defaults are torchvision's for ImageNet.
struct Preprocess {
  ResizeRule resize = ResizeRule::kShorterSide;
  int shorter_side = 256;       ///< Used by `kShorterSide` only.
  int crop = 224;               ///< Used by `kShorterSide` only; at most `shorter_side`.
  int size = 224;               ///< The side of the network's input, in pixels.
  bool bgr = false;             ///< Whether the network sees blue first.
  float scale = 1.0f / 255.0f;  ///< Applied to pixel values 0..255 before the mean is subtracted.
  /// Of the scaled values, in the network's channel order; `std` divides what is left.
  std::array<float, 3> mean = {0.485f, 0.456f, 0.406f};
  std::array<float, 3> std = {0.229f, 0.224f, 0.225f};
};

/// The shorter side that goes with a crop in the usual proportion, of 224 pixels out of 256.
template <class Integer>
constexpr Integer usual_shorter_side(Integer crop) {
  return crop * 256 / 224;
}

/// Reads the `preprocess` entry of a model's metadata:
/// `{"resize":"shorter_side","shorter_side":256,"crop":224,"size":224,"channels":"RGB",
/// "scale":0.00392156862745098,"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]}`;
/// `"resize":"squash"` goes without shorter_side and crop. Unknown keys are ignored.
/// `kInvalidArgument`, naming the key, for a missing key or a value of the wrong type or range:
/// sides are 1..kMaxPreprocessSide, crop is at most shorter_side, scale and std are above 0, all
/// are finite.
Result<Preprocess> parse_preprocess(std::string_view json);

/// The same JSON, with the shortest decimals that read back as the same floats.
std::string to_json(const Preprocess& spec);

/// The part of a photo of `width` x `height` pixels that the network sees, in photo pixels. The
/// crop is placed in continuous coordinates: exactly centred, sides not rounded. (torchvision
/// rounds the resized photo's longer side and the crop's corner, which moves its crop by up to a
/// pixel of the input, by a third of one on average.)
Box crop_box(const Preprocess& spec, int width, int height);

/// The mean colour of photos as the network's input has it, for pixels of which it is to see
/// nothing: 0 where a mean is subtracted, whichever that is; where none is, ImageNet's.
std::array<float, 3> mean_colour(const Preprocess& spec);

/// The network's input, [size, size, 3]: (pixel * scale - mean[c]) / std[c], the pixels resampled
/// in one step from `crop_box` by `resize_bilinear`. kInvalidArgument for a scale or std that
/// `parse_preprocess` would refuse, too.
Result<Tensor> preprocess(const Image& image, const Preprocess& spec);

/// The same of another part of the photo, whatever its aspect. Errors as `resize_bilinear`.
Result<Tensor> preprocess(const Image& image, const Preprocess& spec, const Box& crop);

/// Swaps left and right in an input, or a map: in rows of `width` groups of `depth` values, of
/// which there are only whole ones.
void mirror(std::span<float> values, std::size_t width, std::size_t depth);

}  // namespace gradcam
