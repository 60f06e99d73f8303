#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "gradcam/image/colormap.h"
#include "gradcam/image/image.h"
#include "gradcam/image/resize.h"
#include "gradcam/tensor/error.h"

namespace gradcam {

/// How much of a heat value's colour shows: min(1, 2 * heat). Evidence fades in, so that cold
/// regions leave the photo visible; half of the peak and above has its full colour.
float heat_opacity(float heat);

/// How a photo pixel that the network did not see is shown: desaturated and darkened. In CSS this
/// is `filter: grayscale(1) brightness(0.4)`: 0.4 * (0.2126 r + 0.7152 g + 0.0722 b).
Rgb unseen(Rgb pixel);

/// The heatmap as a picture to lay over the crop: RGBA, not premultiplied, width * height * 4
/// values, row-major. `heatmap` is [rows, cols] of values in 0..1 (others are clamped, NaN is 0);
/// it is enlarged bilinearly with half-pixel centres and clamped edges, coloured by the map's
/// entry round(255 * heat), with A = round(255 * heat_opacity(heat)), or 0 where the heat is below
/// `threshold`.
/// Empty if a side is not positive, `heatmap` does not hold rows * cols values, or memory is out.
std::vector<std::uint8_t> heat_rgba(std::span<const float> heatmap, std::size_t rows,
                                    std::size_t cols, int width, int height, Colormap colormap,
                                    float threshold = 0);

/// The software that an overlay's PNG file names, by which it is known for what it is.
inline constexpr std::string_view kOverlaySoftware = "gradcam.cpp, heatmap over a photo";

/// The photo with the heat blended in over `crop` (photo pixels), which is what the network saw of
/// it (see crop_box) and where a Heatmap lies: a pixel whose centre lies inside the crop takes the
/// weight alpha * heat_opacity(heat) of the heat's colour, the heat being read bilinearly at that
/// centre, or stays as it is where that is below `threshold`; a pixel outside of it is shown as
/// `unseen`. `kInvalidArgument` for an inconsistent image or heatmap, an empty or non-finite crop,
/// or an alpha outside of 0..1; `kOutOfMemory`.
Result<Image> overlay(const Image& photo, const Box& crop, std::span<const float> heatmap,
                      std::size_t rows, std::size_t cols, Colormap colormap, float alpha = 0.5f,
                      float threshold = 0);

}  // namespace gradcam
