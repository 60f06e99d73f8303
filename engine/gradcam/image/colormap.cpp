#include "gradcam/image/colormap.h"

#include <algorithm>
#include <array>
#include <string>

#include "gradcam/image/colormap_tables.h"
#include "gradcam/tensor/text.h"

namespace gradcam {
namespace {

using Table = std::array<Rgb, 256>;

constexpr Table unpack(const std::array<std::uint32_t, 256>& packed) {
  Table table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = {static_cast<std::uint8_t>(packed[i] >> 16),
                static_cast<std::uint8_t>(packed[i] >> 8), static_cast<std::uint8_t>(packed[i])};
  }
  return table;
}

constexpr std::array<Table, internal::kColormapTables.size()> kTables = [] {
  std::array<Table, internal::kColormapTables.size()> tables{};
  std::ranges::transform(internal::kColormapTables, tables.begin(), unpack);
  return tables;
}();

}  // namespace

std::span<const std::string_view> colormap_names() { return internal::kColormapNames; }

Result<Colormap> find_colormap(std::string_view name) {
  const auto found = std::ranges::find(internal::kColormapNames, name);
  if (found != internal::kColormapNames.end()) {
    return kTables[static_cast<std::size_t>(found - internal::kColormapNames.begin())];
  }
  return fail(ErrorCode::kInvalidArgument, "there is no colormap \"" + std::string(name) +
                                               "\"; there are " +
                                               internal::joined(internal::kColormapNames));
}

}  // namespace gradcam
