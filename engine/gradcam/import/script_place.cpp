#include "gradcam/import/script_place.h"

#include "gradcam/tensor/text.h"

namespace gradcam::internal {

Result<void> ScriptPlace::look_at(std::size_t count) {
  constexpr std::size_t kMostLookedAt = 200'000;  // a vgg16_bn takes some ten thousand
  constexpr int kMostDepth = 64;
  looked_at_ += count;
  if (looked_at_ > kMostLookedAt || depth_ > kMostDepth) return too_much();
  return {};
}

std::unexpected<Error> ScriptPlace::too_much() {
  return fail(ErrorCode::kUnsupportedFormat,
              "the code in its archive says more than that of any VGG16");
}

std::unexpected<Error> ScriptPlace::unlike(const std::string& what) const {
  return fail(ErrorCode::kUnsupportedFormat, "its forward pass, by the code in its archive, " +
                                                 what +
                                                 (module.empty() ? "" : ", in " + quote(module)));
}

std::unexpected<Error> ScriptPlace::not_understood(const std::string& what) const {
  return unlike(what + ", which is not understood; an export to ONNX may be");
}

std::unexpected<Error> ScriptPlace::trains(std::string_view call) const {
  return unlike("calls " + quote(call) +
                " as it does in training; eval() is to be called before torch.jit.trace");
}

std::unexpected<Error> ScriptPlace::damaged() {
  return fail(ErrorCode::kCorruptModel, "the code in its archive is damaged");
}

}  // namespace gradcam::internal
