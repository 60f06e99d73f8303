#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// Rounding weights to 8 and 4 bits. A row holds the weights of one output over inputs that are a
/// map [positions, channels]; a single number is one position.
///
/// Rounding a row so that each weight is as near as can be is not what keeps the output near: the
/// inputs follow a ReLU, so they are positive, and neighbouring positions of a channel resemble
/// each other. Errors that add up to nothing over what is alike cancel in the output. So the error
/// of each weight, once rounded, is taken back by the weights of the channel that are still to
/// come, in equal parts: the update of GPTQ (Frantar et al. 2022, arXiv 2210.17323), which needs
/// photos to know which inputs are alike, for the case that those of a channel are. On our default
/// model it halves the error of the logits.
namespace gradcam {

/// Columns of a row that share a scale in int4; the last group of a row may be shorter.
inline constexpr std::size_t kInt4Group = 128;

/// Rounds a row to q in [-127, 127], with w close to scale * q; returns the scale, max|w| / 127. A
/// row of zeros (or too small to have a scale) becomes zeros with scale 1. The row must be finite,
/// and a multiple of `channels` long.
float quantize_int8(std::span<const float> row, std::size_t channels, std::span<std::int8_t> q);

/// Rounds a row to int4, as tensor/int4.h has it: in groups of kInt4Group columns, each with a
/// scale that takes the weight furthest from 0 to -8, and so may be negative. The row must be
/// finite and a multiple of kInt4Block and of `channels` long; `q` takes a byte for two weights.
void quantize_int4(std::span<const float> row, std::size_t channels, std::span<std::uint8_t> q,
                   std::span<float> scales);

/// The inverses: `out` = q times its scale.
void dequantize_int8(std::span<const std::int8_t> q, float scale, std::span<float> out);
void dequantize_int4(std::span<const std::uint8_t> q, std::span<const float> scales,
                     std::span<float> out);

}  // namespace gradcam
