#include "gradcam/vgg16/partition.h"

#include <string>

namespace gradcam {
namespace {

/// Cuts `count`, at least one unit, into as equal parts as there are members, in multiples of
/// `unit`; what is left over goes to the last who has some. The first always has some: by its part
/// it tells models apart.
Range part(std::size_t count, std::size_t unit, const Share& share) {
  const std::size_t units = count / unit;
  const auto cut = [&](std::size_t member) {
    const std::size_t before = (units * member + share.members - 1) / share.members;
    return before == units ? count : before * unit;
  };
  return {cut(share.member), cut(share.member + 1)};
}

}  // namespace

Result<void> check_share(const Share& share) {
  if (share.members >= 1 && share.members <= kMaxMembers && share.member < share.members) return {};
  return fail(ErrorCode::kInvalidArgument, "there is no member " + std::to_string(share.member) +
                                               " of " + std::to_string(share.members) +
                                               "; a model is divided among 1 to " +
                                               std::to_string(kMaxMembers) + ", counted from 0");
}

Range own_outputs(std::size_t outputs, const Share& share) {
  // The kernels compute 8 channels at a time.
  constexpr std::size_t kUnit = 8;
  return part(outputs, outputs >= kUnit * share.members ? kUnit : 1, share);
}

Range own_rows(std::size_t side, const Share& share, std::size_t pools) {
  const Range rows = part(side, kStripRows, share);
  return {rows.begin >> pools, rows.end >> pools};
}

}  // namespace gradcam
