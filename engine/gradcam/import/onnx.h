#pragma once

#include <cstdint>
#include <span>

#include "gradcam/import/foreign.h"
#include "gradcam/import/window.h"

namespace gradcam {

/// Whether a file that begins so, 8 bytes being enough, may be one of ONNX.
bool begins_as_onnx(std::span<const std::uint8_t> first_bytes);

/// Reads a VGG16 as programs export it to ONNX: torch.onnx.export, tf2onnx (whose maps are [H, W,
/// C] but in convolutions), MXNet and others. Operators are followed from the input to the logits;
/// what is behind them, a softmax say, does not count.
///
/// kUnsupportedFormat, naming it, for an operator or a setting that VGG16 has not; kCorruptModel
/// for what is damaged.
Result<ForeignVgg16> read_onnx(Window& window);

}  // namespace gradcam
