#pragma once

#include <cstddef>

#include "gradcam/tensor/error.h"

/// How N equal members that share nothing divide one VGG16 among them. Blocks 1 to 3 are cut into
/// horizontal strips of the picture: every member has all their weights. Blocks 4 and 5 and the
/// dense layers are cut by outputs: every member has its rows of their weights. The last layer is
/// so small that it is whole at all of them, which spares messages.
namespace gradcam {

/// Which of how many members this one is.
struct Share {
  std::size_t member = 0;  ///< counted from 0; number 0 takes the picture and gives the results
  std::size_t members = 1;

  bool operator==(const Share&) const = default;
};

/// More members than this would only wait for each other.
inline constexpr std::size_t kMaxMembers = 8;

/// An error unless the member is one of 1 to kMaxMembers.
Result<void> check_share(const Share& share);

/// Convolutions that run on strips: blocks 1, 2 and 3.
inline constexpr std::size_t kStripLayers = 7;

/// Rows of the input from the first row of a strip to that of the next are a multiple of this, so
/// that no window of the max-pools that end blocks 1 to 3 is cut.
inline constexpr std::size_t kStripRows = 8;

/// Indices from `begin` to one before `end`.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;

  std::size_t size() const { return end - begin; }
  bool empty() const { return begin == end; }
  bool operator==(const Range&) const = default;
};

/// The outputs (channels or rows of the weight matrix) of a layer that are the share's. Those of
/// all members follow one another; a member's may be none.
Range own_outputs(std::size_t outputs, const Share& share);

/// The rows of a map that are the share's, after `pools` (0 to 3) max-pools of an input of `side`
/// rows. Those of all members follow one another; a member's may be none.
Range own_rows(std::size_t side, const Share& share, std::size_t pools = 0);

}  // namespace gradcam
