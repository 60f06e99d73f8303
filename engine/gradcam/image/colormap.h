#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "gradcam/tensor/error.h"

namespace gradcam {

/// An 8-bit sRGB colour.
struct Rgb {
  std::uint8_t r, g, b;

  friend bool operator==(const Rgb&, const Rgb&) = default;
};

/// The colours of the values 0/255, 1/255, ... 255/255.
using Colormap = std::span<const Rgb, 256>;

/// The colormap that is used when none is asked for.
inline constexpr std::string_view kDefaultColormap = "turbo";

/// "turbo", "inferno", "viridis", "magma", "plasma", "cividis", "jet", "gray": matplotlib's names
/// and colours.
std::span<const std::string_view> colormap_names();

/// The colormap of that name; `kInvalidArgument`, listing the names, if there is none.
Result<Colormap> find_colormap(std::string_view name);

}  // namespace gradcam
